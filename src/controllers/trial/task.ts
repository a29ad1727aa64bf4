/** A Trial's task as the controller sees it, and what a regrade judges again: what a Job is made of, or why none can be. */
import { isFinished } from '../../crds/conditions.ts';
import { present } from '../../crds/present.ts';
import { gpuFault, type Gpus } from '../../crds/gpus.ts';
import { ADHOC_RUN, identityOf } from '../../crds/names.ts';
import type { ModelPrice } from '../../crds/model-prices.ts';
import type { NamespaceRules } from '../../crds/namespace-rules.ts';
import type { Trial } from '../../crds/trial.ts';
import type { VerifierMode } from '../../crds/verifier.ts';
import type { Store } from '../../kube/types.ts';
import { keyOf, type ArtifactStore } from '../../providers/artifact-store/port.ts';
import { resultsPrefix } from '../../results/keys.ts';
import {
  faultySource,
  mismatchOf,
  readSource,
  type SourceFault,
  type SourcePlace,
  type SourceRead,
} from '../../results/source.ts';
import type { TaskReader } from '../../task-source/read.ts';
import { compile, filledIn, refusalOf } from '../../tasks/index.ts';
import type { CompiledTrial, TaskSeen } from './observed.ts';

/** What tasks are read and judged with. */
export interface TaskSources {
  tasks: Pick<TaskReader, 'read'>;
  gpus: Gpus;
  /** Where verifiers run for which neither Trial, task nor namespace says it. */
  verifierMode: VerifierMode;
  /** Of the installation, before what is built in. */
  modelPrices: readonly ModelPrice[];
}

/** `rules`: of the Trial's namespace. */
export async function seeTask(
  { tasks, gpus, verifierMode, modelPrices }: TaskSources,
  trial: Trial,
  rules: NamespaceRules,
): Promise<TaskSeen> {
  const read = await tasks.read(trial);
  if (read.kind === 'faulty') return { taskFault: { reason: read.reason, message: read.message } };
  const installation = { verifierMode, modelPrices };
  const compiled = compile(trial.spec, read.task, { namespace: rules, installation });
  const taskFault = refusalOf(compiled) ?? unknownGpu(compiled.environments.agent, gpus);
  const content = present({ taskContent: read.content });
  if (taskFault) return { taskFault, ...content };
  return { compiled: { ...trial, spec: filledIn(trial.spec, compiled) }, ...content };
}

function unknownGpu(environment: Parameters<typeof gpuFault>[0], gpus: Gpus) {
  const message = gpuFault(environment, gpus);
  return message === undefined ? undefined : { reason: 'TaskUnsupported' as const, message };
}

interface SourceSources {
  trials: Store<Trial>;
  artifacts: Pick<ArtifactStore, 'bucket' | 'get' | 'uri'>;
}

/** What `spec.regrade` names, where that is what the Trial says it was. */
export async function seeSource(
  sources: SourceSources,
  trial: Trial,
  { spec: { work } }: CompiledTrial,
): Promise<SourceRead> {
  const place = placeOf(sources, trial);
  if ('reason' in place) return faultySource(place.reason, place.message);
  const read = await readSource(sources.artifacts, place);
  if (read.kind === 'faulty') return read;
  const { run = ADHOC_RUN, task, agent } = trial.spec;
  const steps = work.flatMap(({ name }) => name ?? []);
  const mismatch = mismatchOf(read, { run, task: task.name, agent, steps });
  return mismatch === undefined ? read : faultySource('SourceMismatch', mismatch);
}

/** Where its results lie. What an earlier attempt found stays: the object may be gone since. */
function placeOf(sources: SourceSources, trial: Trial): SourcePlace | SourceFault {
  const { namespace } = identityOf(trial);
  const { trial: name = '', s3 } = trial.spec.regrade ?? {};
  const uri = trial.status?.regraded?.uri ?? s3?.uri;
  if (uri === undefined) return placeOfObject(sources, { namespace, name });
  const key = keyOf(uri, sources.artifacts.bucket);
  if (key !== undefined) return { key, uri, namespace };
  return { reason: 'SourceNotFound', message: `${uri} is not under ${sources.artifacts.uri('trials/')}` };
}

function placeOfObject(
  { trials, artifacts }: SourceSources,
  object: { namespace: string; name: string },
): SourcePlace | SourceFault {
  const { namespace, name } = object;
  const found = trials.get(object);
  if (!found)
    return {
      reason: 'SourceNotFound',
      message: `there is no Trial ${namespace}/${name}; of one that was deleted give the status.s3TrialUri as spec.regrade.s3.uri`,
    };
  if (!isFinished(found))
    return {
      reason: 'SourceNotFinished',
      message: `Trial ${namespace}/${name} has not ended; create the regrade again once it has`,
    };
  const unusable = unusableObject(found);
  if (unusable !== undefined)
    return { reason: 'SourceUnusable', message: `Trial ${namespace}/${name} ${unusable}` };
  const key = resultsPrefix(found);
  const uid = found.status?.adopted?.uid ?? identityOf(found).uid;
  return { key, uri: artifacts.uri(key), namespace, uid };
}

function unusableObject({ metadata, spec }: Trial): string | undefined {
  if (metadata.deletionTimestamp !== undefined)
    return 'is being deleted; give its status.s3TrialUri as spec.regrade.s3.uri';
  return spec.uploadResults ? undefined : 'stored nothing: spec.uploadResults is false';
}

/**
 * The Trial controller. Every pass: observe, decide, act, report — in that order, with one status write at the end.
 * Killing the process between any two lines changes no outcome: names of children are deterministic, and what was done is observed again.
 */
import { trialPrefix, TRIAL_FILES } from '../../results/keys.ts';
import { identityOf } from '../../crds/names.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import { present } from '../../crds/present.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import { isAlreadyExists } from '../../kube/errors.ts';
import { Job } from '../../kube/kinds.ts';
import type { EventRecorder, ObjectKey, Permission, Reconcile, Result } from '../../kube/types.ts';
import type { LogLinks } from '../../providers/log-links/port.ts';
import { jobFor, taskBuildFor } from './manifests.ts';
import type { PodSettings } from './manifests.ts';
import { isFinished, seenAgain } from '../../crds/conditions.ts';
import { seeJob } from '../attempts/observe.ts';
import { createTaskBuild, deleteJob, isRefused } from '../attempts/start.ts';
import { adoptedVerdict } from './applied.ts';
import type { InTerm } from './in-term.ts';
import { storeApplied } from './record.ts';
import { observe } from './observe.ts';
import type { Observed } from './observed.ts';
import type { TrialSources } from './observe.ts';
import { afterBuildRefused, afterJobRefused, whereNameIsTaken } from './done.ts';
import { nextAction } from './decide.ts';
import type { Action } from './decide.ts';
import type { Done } from './done.ts';
import { podNetworkOf } from '../../tasks/index.ts';
import { trialConfig, trialResult } from '../../results/trial-result.ts';
import { isPassing, reportOf, trialStatus } from './status.ts';

export interface TrialDeps extends TrialSources {
  inTerm: Pick<InTerm, 'isUnbegun' | 'begins' | 'passes'>;
  events: EventRecorder;
  /** Writes an end, and has whoever needs to know of it. */
  ending: (trial: Trial, write: () => Promise<Trial>) => Promise<void>;
  logLinks: LogLinks;
  settings: (namespace: string) => PodSettings;
  /** IP address of the broker. */
  brokerAddress: () => Promise<string | undefined>;
}

/** What this controller does at the API server. */
export const permissions: Permission[] = [
  { group: 'sb.abundant.ai', resources: ['trials'], verbs: ['get', 'list', 'watch'] },
  { group: 'sb.abundant.ai', resources: ['trials/status'], verbs: ['update'] },
  // Owner references with blockOwnerDeletion need it where the admission plugin for it is on.
  { group: 'sb.abundant.ai', resources: ['trials/finalizers'], verbs: ['update'] },
  { group: 'sb.abundant.ai', resources: ['taskbuilds'], verbs: ['get', 'list', 'watch', 'create', 'delete'] },
  { group: 'batch', resources: ['jobs'], verbs: ['get', 'list', 'watch', 'create', 'delete'] },
  { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  { group: '', resources: ['configmaps'], verbs: ['get'] },
  // Why the Job controller could make no Pod.
  { group: '', resources: ['events'], verbs: ['list'] },
];

/** The reconcile function of Trials. */
export function trialController(deps: TrialDeps): Reconcile {
  return async (key) => {
    const seen = await observe(deps, key);
    const done = seen && (await act(deps, seen, nextAction(seen)));
    const passing = deps.inTerm.passes(key, done !== undefined && isPassing(done));
    return done ? report(deps, seen, { done, passing }) : seeAgain(deps, key);
  };
}

async function seeAgain({ kube, trials }: TrialDeps, key: ObjectKey): Promise<undefined> {
  const trial = trials.get(key);
  const status = trial && seenAgain(trial);
  if (status) await kube.replaceStatus(TrialKind, { ...trial, status });
}

async function act(deps: TrialDeps, seen: Observed, action: Action): Promise<Done> {
  switch (action.kind) {
    case 'createJob':
      return createJob(deps, seen, action);
    case 'createBuild':
      return createBuild(deps, action);
    case 'stop':
      return stop(deps, seen, action);
    case 'wait':
    case 'recordStop':
    case 'endAttempt':
    case 'adopt':
    case 'succeed':
    case 'fail':
      return action;
    default:
      return action satisfies never;
  }
}

async function stop(
  { kube }: TrialDeps,
  { job }: Observed,
  action: Action & { kind: 'stop' },
): Promise<Done> {
  if (job.kind === 'own') await deleteJob(kube, job.job);
  return action;
}

async function createJob(
  deps: TrialDeps,
  seen: Observed,
  { compiled, images, taskContent, users, source }: Action & { kind: 'createJob' },
): Promise<Done> {
  const { trial, attempt } = seen;
  const isRestricted = podNetworkOf(compiled.spec.work) === 'restricted';
  const { namespace } = identityOf(trial);
  const settings = {
    ...deps.settings(namespace),
    ...(isRestricted && { brokerAddress: await deps.brokerAddress() }),
  };
  const job = jobFor(compiled, attempt, { images, settings, ...present({ taskContent, users, source }) });
  deps.inTerm.begins(trial);
  try {
    await deps.budgets.making(job, () => deps.kube.create(Job, job));
    return { kind: 'jobCreated' };
  } catch (error) {
    if (isAlreadyExists(error))
      return whereNameIsTaken(
        seen,
        await seeJob(deps, { owner: trial, name: job.metadata.name, live: true }),
      );
    if (isRefused(error)) return afterJobRefused(error.message);
    throw error;
  }
}

async function createBuild(
  deps: TrialDeps,
  { compiled, role, taskBuild: name, stale }: Action & { kind: 'createBuild' },
): Promise<Done> {
  const { kube, programs } = deps;
  const build =
    role === 'program' ? await programs.prepare(deps, compiled, name) : taskBuildFor(compiled, role, name);
  const { namespace = '' } = build.metadata;
  const taskBuild = namespace === compiled.metadata.namespace ? name : `${namespace}/${name}`;
  const refused = await createTaskBuild(kube, build, stale);
  return refused === undefined
    ? { kind: 'buildCreated', role, taskBuild }
    : afterBuildRefused({ role, taskBuild }, refused);
}

async function report(
  deps: TrialDeps,
  seen: Observed,
  { done, passing }: { done: Done; passing: number },
): Promise<Result | undefined> {
  const { trial } = seen;
  const status = trialStatus(seen, done, { files: deps.artifacts, logs: deps.logLinks });
  const { write, againMs } = reportOf(seen, done, { status, passing });
  if (write) {
    const now = { ...trial, status };
    const put = () => deps.kube.replaceStatus(TrialKind, now);
    if (isFinished(now)) {
      await storeResult(deps, seen, { done, status });
      await deps.ending(now, put);
    } else await put();
    announce(deps.events, trial, done);
  }
  return againMs === undefined ? undefined : { requeueAfterMs: againMs };
}

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/**
 * The files come first: a Trial that says where its result lies has it there. Of a courier's outcome, writing them twice writes the same. The
 * outcome for who asks again comes after them, and before the status: whoever has seen the Trial end may delete and create it.
 */
async function storeResult(
  deps: TrialDeps,
  { trial, taskBuild }: Observed,
  { done, status }: { done: Done; status: TrialStatus },
): Promise<void> {
  if (!trial.spec.uploadResults || done.kind === 'adopt') return;
  const { artifacts } = deps;
  const outcome = 'outcome' in done ? done.outcome : undefined;
  const prefix = trialPrefix(trial);
  const options = { contentType: 'application/json' };
  const result = trialResult({ trial, status, ...present({ outcome, taskBuild }) });
  await Promise.all([
    artifacts.put(`${prefix}${TRIAL_FILES.config}`, json(trialConfig(trial, status)), options),
    artifacts.put(`${prefix}${TRIAL_FILES.result}`, json(result), options),
  ]);
  await storeApplied(deps, trial, status);
}

function announce(events: EventRecorder, trial: Trial, done: Done): void {
  if (done.kind === 'fail' || done.kind === 'endAttempt') events.warning(trial, done.reason, done.message);
  if (done.kind === 'succeed') events.normal(trial, ...resultEvent(done));
  if (done.kind === 'adopt') events.normal(trial, ...adoptedVerdict(done.applied)[1]);
}

function resultEvent({ outcome: { result } }: Done & { kind: 'succeed' }): [string, string] {
  if (result.kind !== 'rewarded') return ['RewardObtained', 'the agent ran; the verifier is disabled'];
  if (result.obstructed !== undefined) return ['VerifierObstructed', result.obstructed];
  return ['RewardObtained', `reward ${result.reward}`];
}

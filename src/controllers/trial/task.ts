/** A Trial's task as the controller sees it: what a Job is made of, or why none can be. */
import { present } from '../../crds/present.ts';
import { gpuFault, type Gpus } from '../../crds/gpus.ts';
import type { NamespaceRules } from '../../crds/namespace-rules.ts';
import type { Trial } from '../../crds/trial.ts';
import type { VerifierMode } from '../../crds/verifier.ts';
import type { TaskReader } from '../../task-source/read.ts';
import { compile, filledIn, refusalOf } from '../../tasks/index.ts';
import type { TaskSeen } from './observed.ts';

/** What tasks are read and judged with. */
export interface TaskSources {
  tasks: Pick<TaskReader, 'read'>;
  gpus: Gpus;
  /** Where verifiers run for which neither Trial, task nor namespace says it. */
  verifierMode: VerifierMode;
}

/** `rules`: of the Trial's namespace. */
export async function seeTask(
  { tasks, gpus, verifierMode }: TaskSources,
  trial: Trial,
  rules: NamespaceRules,
): Promise<TaskSeen> {
  const read = await tasks.read(trial);
  if (read.kind === 'faulty') return { taskFault: { reason: read.reason, message: read.message } };
  const compiled = compile(trial.spec, read.task, { namespace: rules, installation: { verifierMode } });
  const taskFault = refusalOf(compiled) ?? unknownGpu(compiled.environments.agent, gpus);
  const content = present({ taskContent: read.content });
  if (taskFault) return { taskFault, ...content };
  return { compiled: { ...trial, spec: filledIn(trial.spec, compiled) }, ...content };
}

function unknownGpu(environment: Parameters<typeof gpuFault>[0], gpus: Gpus) {
  const message = gpuFault(environment, gpus);
  return message === undefined ? undefined : { reason: 'TaskUnsupported' as const, message };
}

/** A Trial's task as the controller sees it: what a Job is made of, or why none can be. */
import { present } from '../../crds/present.ts';
import { gpuFault, type Gpus } from '../../crds/gpus.ts';
import type { Trial } from '../../crds/trial.ts';
import type { TaskReader } from '../../task-source/read.ts';
import { compile, filledIn, refusalOf } from '../../tasks/index.ts';
import type { TaskSeen } from './observed.ts';

export async function seeTask(
  { tasks, gpus }: { tasks: Pick<TaskReader, 'read'>; gpus: Gpus },
  trial: Trial,
): Promise<TaskSeen> {
  const read = await tasks.read(trial);
  if (read.kind === 'faulty') return { taskFault: { reason: read.reason, message: read.message } };
  const compiled = compile(trial.spec, read.task);
  const taskFault = refusalOf(compiled) ?? unknownGpu(compiled.environments.agent, gpus);
  const content = present({ taskContent: read.content });
  if (taskFault) return { taskFault, ...content };
  return { compiled: { ...trial, spec: filledIn(trial.spec, compiled) }, ...content };
}

function unknownGpu(environment: Parameters<typeof gpuFault>[0], gpus: Gpus) {
  const message = gpuFault(environment, gpus);
  return message === undefined ? undefined : { reason: 'TaskUnsupported' as const, message };
}

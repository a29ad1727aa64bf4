/** Tasks as couriers ask for them. */
import { isDeepStrictEqual } from 'node:util';
import { identityOf } from '../crds/names.ts';
import { VERIFIER_MODES } from '../crds/verifier.ts';
import type { TaskFault, TaskRead, TaskReader } from '../task-source/read.ts';
import { compile, refusalOf } from '../tasks/index.ts';
import type { Compiled } from '../tasks/index.ts';
import type { TrialSubject } from './identity/subjects.ts';
import { refused } from './refusal.ts';
import type { Refused } from './refusal.ts';

/** How long the answer is good for a Trial whose task is a ConfigMap: a courier that asks again and again costs the API server one request. */
const REMEMBERED_MS = 3000;

interface Remembered {
  answer: Promise<TaskRead>;
  untilMs: number;
}

/** Reads a Trial's task; a ConfigMap at most once in three seconds for each Trial. What lies in the bucket the reader itself remembers. */
export function taskReads(tasks: Pick<TaskReader, 'read'>, now: () => Date): TaskReader['read'] {
  const remembered = new Map<string, Remembered>();
  return (trial) => {
    if (!trial.spec.task.configMap) return tasks.read(trial);
    const [{ uid }, nowMs] = [identityOf(trial), now().getTime()];
    // All are remembered for the same time, so the oldest are first.
    for (const [id, { untilMs }] of remembered) {
      if (untilMs > nowMs) break;
      remembered.delete(id);
    }
    const known = remembered.get(uid)?.answer;
    if (known) return known;
    const answer = tasks.read(trial);
    remembered.set(uid, { answer, untilMs: nowMs + REMEMBERED_MS });
    answer.catch(() => remembered.delete(uid));
    return answer;
  };
}

type Found = TaskRead & { kind: 'found' };

/** How a courier is told what keeps it from the task. */
const STATUS = { TaskNotFound: 404, TaskInvalid: 422, TaskUnsupported: 422, TaskMismatch: 409 } as const;

function refusedTask({
  reason,
  message,
  forbidden,
}: Omit<TaskFault, 'reason'> & { reason: keyof typeof STATUS }): Refused {
  return forbidden ? refused(403, 'PrefixRefused', message) : refused(STATUS[reason], reason, message);
}

/** A ConfigMap is what it was when the Job was made, or the Job's Pod was made for another task. */
function changedSince({ taskContent }: TrialSubject, { content }: Found): Refused | undefined {
  if (content === undefined || taskContent === undefined || taskContent === content) return undefined;
  return refused(
    409,
    'TaskMismatch',
    `the task’s ConfigMap has changed since the Job was made: its files were ${taskContent} and are ${content}`,
  );
}

export interface CompiledTask {
  compiled: Compiled;
  read: Found;
}

const OTHER_VERIFIERS = 'the Job was made for other separate verifiers than the task has';

/** What namespace and installation say of verifiers may have changed since the Job was made; its containers tell what they said then. */
function compiledAs({ trial, verifiers }: TrialSubject, { task }: Found): Compiled | undefined {
  const made = ['agent', ...Object.keys(verifiers)];
  for (const verifierMode of VERIFIER_MODES) {
    const compiled = compile(trial.spec, task, { installation: { verifierMode } });
    if (isDeepStrictEqual(Object.keys(compiled.environments), made)) return compiled;
  }
  return undefined;
}

/** A Trial's task, compiled once more; refused where it is not there, cannot be run, or is another than the Job was made for. */
export function compiledTasks(
  tasks: Pick<TaskReader, 'read'>,
  now: () => Date,
): (subject: TrialSubject) => Promise<CompiledTask | Refused> {
  const taskOf = taskReads(tasks, now);
  return async (subject) => {
    const read = await taskOf(subject.trial);
    if (read.kind === 'faulty') return refusedTask(read);
    const changed = changedSince(subject, read);
    if (changed) return changed;
    const compiled = compiledAs(subject, read);
    if (!compiled) return refused(409, 'TaskMismatch', OTHER_VERIFIERS);
    const refusal = refusalOf(compiled);
    return refusal ? refusedTask(refusal) : { compiled, read };
  };
}

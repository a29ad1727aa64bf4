/** Tasks as couriers ask for them. */
import { identityOf } from '../crds/names.ts';
import type { TaskRead, TaskReader } from '../task-source/read.ts';

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

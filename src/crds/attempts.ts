/** Pure: the attempts of Trials, TaskBuilds and Sandboxes alike, and the pause between two of them. */
import { sha256 } from './names.ts';
import { text, time, Type } from './schema.ts';

/** What the status of a Trial or a Sandbox says of one of its Jobs. */
export const attemptFields = {
  number: Type.Integer({ minimum: 1, format: 'int32', description: 'Counts from 1.' }),
  jobName: text(63, 'Its Job.'),
  podName: Type.Optional(text(253, 'Its Pod.')),
  nodeName: Type.Optional(text(253, 'Node that ran it.')),
  startTime: Type.Optional(time('When its Job was created.')),
  completionTime: Type.Optional(time('When it ended.')),
  reason: Type.Optional(text(64, 'Why it ended without a result, or is being stopped.')),
  message: Type.Optional(text(1024, 'The same in one sentence.')),
};

/** The attempt that is under way: the last one, as long as it has not ended. */
export function openAttempt<T extends { completionTime?: string }>(object: {
  status?: { attempts?: T[] };
}): T | undefined {
  const last = object.status?.attempts?.at(-1);
  return last?.completionTime === undefined ? last : undefined;
}

/** Since when an attempt might have started: its queue may have held its Job before. */
export const mayStartSince = (
  attempt: { admittedTime?: string; startTime?: string } | undefined,
): string | undefined => attempt?.admittedTime ?? attempt?.startTime;

/** When the next attempt may begin, in milliseconds since the epoch: the pause doubles with every failed attempt. 0: at once. */
export function nextAttemptAt(failed: { completionTime?: string }[], firstPauseMs: number): number {
  const ended = failed.at(-1)?.completionTime;
  return ended === undefined ? 0 : Date.parse(ended) + firstPauseMs * 2 ** (failed.length - 1);
}

export interface Pause {
  kind: 'wait';
  reason: 'Retrying';
  message: string;
  againMs: number;
}

/** What an object does that may go on at `at` (milliseconds since the epoch); undefined once that has come. */
export function pauseUntil(at: number, now: Date): Pause | undefined {
  const againMs = at - now.getTime();
  if (againMs <= 0) return undefined;
  return {
    kind: 'wait',
    reason: 'Retrying',
    message: `next attempt in ${Math.ceil(againMs / 1000)} s`,
    againMs,
  };
}

/** Between half of `ms` and the whole ("equal jitter"), the same for the same seed: many that failed together do not come back together. */
export const jittered = (ms: number, seed: string): number =>
  (ms / 2) * (1 + Number.parseInt(sha256(seed).slice(0, 8), 16) / 2 ** 32);

/** What a Trial's log is made of, wherever it is. */
import type { Trial } from '../../crds/trial.ts';
import { isEnded, isRunning, stateOf } from '../../results/state.ts';

export const LOG_PHASES = ['build', 'agent', 'verifier'] as const;
export type LogPhase = (typeof LOG_PHASES)[number];

/** One file or stream of a log. Lines are as they came: printing makes them safe. */
export interface LogPart {
  /** `agent/oracle.txt`, `container task of Pod p`. */
  title: string;
  lines: AsyncIterable<string>;
}

/** Parts of a log, and what there is to know about it. */
export interface TrialLog {
  parts: LogPart[];
  notes: string[];
}

/** Whether there may be something of it by now. */
export function mayHaveLog(trial: Trial, { phase }: Pick<LogWish, 'phase'>): boolean {
  const { state } = stateOf(trial);
  if (isEnded(state)) return true;
  const { taskBuild, podName } = trial.status ?? {};
  return phase === 'build' ? (taskBuild ?? podName) !== undefined : podName !== undefined && isRunning(state);
}

export interface LogWish {
  /** Undefined: everything but the build. */
  phase?: LogPhase;
  /** Only so many lines of each part, from its end. */
  tail?: number;
  /** Goes on until the container ends. */
  follow: boolean;
  signal: AbortSignal;
}

/** What a Trial’s log is made of, wherever it is, and when there is one. */
import type { Trial } from '../../crds/trial.ts';
import { isEnded, isRunning, stateOf } from '../../results/state.ts';
import { sleep } from '../../async/clock.ts';
import type { Session } from '../session/types.ts';
import { resolveTrial } from '../runs/find/trial.ts';

const LOG_PHASES = ['build', 'setup', 'agent', 'verifier'] as const;
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

const PAUSE_MS = 1000;

/** The Trial once there may be something of its log. Says why it waits, each reason once. Throws SB-E090 where the Trial goes away. */
export async function whenLogged(
  session: Session,
  trial: Trial,
  { wish, say }: { wish: LogWish; say: (text: string) => void },
): Promise<Trial> {
  let seen = trial;
  let told = '';
  while (!mayHaveLog(seen, wish)) {
    const { reason, message } = stateOf(seen);
    if (reason !== told) say(`waiting: ${reason}: ${message}`);
    told = reason;
    await sleep(session.kubeParts.clock, PAUSE_MS, wish.signal);
    wish.signal.throwIfAborted();
    seen = await resolveTrial(session, seen.metadata.name);
  }
  return seen;
}

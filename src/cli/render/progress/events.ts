/** Pure: what `-o jsonl` prints, a line each. Every event has `event`, `time` and `run`. */
import type { TrialLine } from '../../follow/line.ts';
import type { RunSummary } from '../../follow/summary.ts';
import { isEnded } from '../../follow/state.ts';

interface Head {
  time: string;
  run: string;
}

/** A Trial has come into another state, or waits for another reason. */
export interface TrialEvent extends Head {
  event: 'trial';
  trial: string;
  namespace: string;
  task: string;
  agent: string;
  model: string | null;
  /** Null for the first sight of it. */
  before: string | null;
  state: string;
  reason: string;
  message: string;
  attempts: number;
  /** Of a Trial that has ended. */
  reward?: number | null;
  rewards?: Record<string, number> | null;
  exception?: string | null;
}

/** Something to know that is no Trial’s: a lost connection, a problem with results. */
export interface NoteEvent extends Head {
  event: 'note';
  message: string;
}

/** The last event. */
export interface SummaryEvent extends Head {
  event: 'summary';
  total: number;
  counts: RunSummary['counts'];
  ended: number;
  mean: number | null;
  pass_at_k: RunSummary['passAtK'];
  elapsed_seconds: number;
  errors: RunSummary['errors'];
}

export function trialEvent(head: Head, line: TrialLine, before: TrialLine | undefined): TrialEvent {
  const { name, namespace, task, agent, model, state, reason, message, attempts } = line;
  return {
    event: 'trial',
    ...head,
    trial: name,
    namespace,
    task,
    agent,
    model: model ?? null,
    before: before?.state ?? null,
    state,
    reason,
    message,
    attempts,
    ...(isEnded(state) && {
      reward: line.reward ?? null,
      rewards: line.rewards ?? null,
      exception: line.exception ?? null,
    }),
  };
}

export function summaryEvent(time: string, summary: RunSummary): SummaryEvent {
  const { run, total, counts, ended, mean = null, passAtK, elapsedMs, errors } = summary;
  return {
    event: 'summary',
    time,
    run,
    total,
    counts,
    ended,
    mean,
    pass_at_k: passAtK,
    elapsed_seconds: Math.round(elapsedMs / 1000),
    errors,
  };
}

/** Pure: runs and Trials for programs (`-o json`, `-o yaml`), with fields as Harbor and the events of `-o jsonl` name them. */
import type { TrialLine } from '../follow/line.ts';
import { isEnded } from '../follow/state.ts';
import type { RunSummary } from '../follow/summary.ts';

/** How far a run is, and what came of it. */
export const summaryDocument = ({ total, ended, counts, mean, passAtK, elapsedMs }: RunSummary) => ({
  total,
  ended,
  counts,
  mean: mean ?? null,
  pass_at_k: passAtK,
  elapsed_seconds: Math.round(elapsedMs / 1000),
});

/** A Trial's line. */
export const lineDocument = (line: TrialLine) => ({
  trial: line.name,
  trial_name: line.trialName,
  task: line.task,
  agent: line.agent,
  model: line.model ?? null,
  state: line.state,
  reason: line.reason,
  message: line.message,
  attempts: line.attempts,
  reward: isEnded(line.state) ? (line.reward ?? null) : null,
  rewards: line.rewards ?? null,
  exception: line.exception ?? null,
});

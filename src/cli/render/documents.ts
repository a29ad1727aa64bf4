/** Pure: runs and Trials for programs, the same wherever they are told of; fields as Harbor names them. */
import type { TrialLine } from '../../client/runs/follow/line.ts';
import { isEnded } from '../../results/state.ts';
import type { RunSummary } from '../../client/runs/follow/summary.ts';
import type { RunSummaryDocument } from '../../client/documents/run.ts';
import type { TrialDocument } from '../../client/documents/trial.ts';

const stamp = (at: number): string => new Date(at).toISOString();
const stampOrNull = (at: number | undefined): string | null => (at === undefined ? null : stamp(at));

/** How far a run is, and what came of it. */
export const summaryDocument = (summary: RunSummary): RunSummaryDocument => ({
  state: summary.ended === summary.total ? 'ended' : 'running',
  total: summary.total,
  ended: summary.ended,
  counts: summary.counts,
  mean: summary.mean ?? null,
  pass_at_k: summary.passAtK,
  created_at: stampOrNull(summary.createdAt),
  elapsed_seconds: Math.round(summary.elapsedMs / 1000),
});

/** A Trial's line. */
export const lineDocument = (line: TrialLine): TrialDocument => ({
  trial: line.name,
  trial_name: line.trialName,
  namespace: line.namespace,
  task: line.task,
  agent: line.agent,
  model: line.model ?? null,
  state: line.state,
  reason: line.reason,
  message: line.message,
  attempts: line.attempts,
  node: line.node ?? null,
  created_at: stamp(line.createdAt),
  finished_at: stampOrNull(line.endedAt),
  reward: isEnded(line.state) ? (line.reward ?? null) : null,
  rewards: line.rewards ?? null,
  exception: line.exception ?? null,
});

/** Runs and Trials as documents for programs, the same wherever they are told of; fields as Harbor names them. */
import { present } from '../../crds/present.ts';
import { byText } from '../../text/figures.ts';
import type { RunRow, RunSummaryDocument } from '../documents/run.ts';
import type { TrialDocument } from '../documents/trial.ts';
import { eachTrial, runOf } from './find/runs.ts';
import { costPerPassed, type ContenderSummary } from './follow/contenders.ts';
import { lineOf, type TrialLine } from './follow/line.ts';
import type { Session } from '../session/types.ts';
import { isEnded } from '../../results/state.ts';
import { usageFields } from '../../results/usage.ts';
import { summarize, type RunSummary } from './follow/summary.ts';

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
  model_failures: summary.modelFailures.reduce((sum, [, count]) => sum + count, 0),
  by_agent: summary.contenders.map(contenderDocument),
  created_at: stampOrNull(summary.createdAt),
  elapsed_seconds: Math.round(summary.elapsedMs / 1000),
  ...present({ regrade: summary.regrade }),
});

const contenderDocument = (one: ContenderSummary): RunSummaryDocument['by_agent'][number] => ({
  agent: one.agent,
  model: one.model ?? null,
  eval: one.eval,
  ended: one.ended,
  passed: one.passed,
  mean: one.mean,
  ...(one.usage ?? usageFields()),
  n_priced: one.priced,
  cost_per_passed: costPerPassed(one) ?? null,
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
  ...(line.usage ?? usageFields()),
  ...present({ original_reward: line.original }),
});

/** All runs, the newest first. */
export async function listRuns(
  reader: Pick<Session, 'kubeParts' | 'namespace'>,
  now: Date,
): Promise<RunRow[]> {
  const runs = new Map<string, TrialLine[]>();
  await eachTrial(reader, {
    onStart: () => runs.clear(),
    onTrial: (trial) => {
      const run = runOf(trial);
      const lines = runs.get(run);
      if (lines) lines.push(lineOf(trial));
      else runs.set(run, [lineOf(trial)]);
    },
  });
  return [...runs]
    .map(([run, lines]) => rowOf(lines, { run, namespace: reader.namespace, now }))
    .sort((a, b) => byText(b.created_at ?? '', a.created_at ?? '') || byText(a.run, b.run));
}

function rowOf(
  lines: TrialLine[],
  { run, namespace, now }: { run: string; namespace: string; now: Date },
): RunRow {
  const summary = summarize(lines, { run, now: now.getTime() });
  return { run, namespace, ...summaryDocument(summary), errors: summary.errors };
}

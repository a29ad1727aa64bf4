/** Pure: what `-o jsonl` prints, a line each. Every event has `event`, `time` and `run`. */
import type { TrialLine } from '../../../client/runs/follow/line.ts';
import type { RunSummary } from '../../../client/runs/follow/summary.ts';
import type { SummaryEvent, TrialEvent } from '../../../client/documents/run.ts';
import { lineDocument, summaryDocument } from '../documents.ts';

export const trialEvent = (
  head: Pick<TrialEvent, 'time' | 'run'>,
  line: TrialLine,
  before: TrialLine | undefined,
): TrialEvent => ({ event: 'trial', ...head, before: before?.state ?? null, ...lineDocument(line) });

export const summaryEvent = (time: string, summary: RunSummary): SummaryEvent => ({
  event: 'summary',
  time,
  run: summary.run,
  ...summaryDocument(summary),
  errors: summary.errors,
});

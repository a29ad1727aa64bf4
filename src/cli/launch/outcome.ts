/** How a run ended: its exit code, and its document or table on stdout. */
import type { TrialLine } from '../../client/runs/follow/line.ts';
import type { RunSummary } from '../../client/runs/follow/summary.ts';
import { lineDocument, summaryDocument } from '../render/documents.ts';
import { printListing } from '../render/output.ts';
import type { Column } from '../render/table.ts';
import { TABLE_ROWS } from '../render/progress/frame.ts';
import { duration, figure } from '../../text/figures.ts';
import type { RunOutcome, RunSubmitted } from '../../client/documents/run.ts';
import type { Submitted } from '../../client/runs/submit/submit.ts';
import type { ExitCode } from '../../client/failures/error.ts';
import type { OutputFormat, Terminal } from '../types.ts';
import type { Attended, Ending } from './attend.ts';

export interface Outcome {
  ending: Ending;
  summary: Pick<RunSummary, 'counts' | 'mean'>;
  /** Trials that the API server did not take. */
  refused: number;
  /** Files that could not be copied. */
  problems: number;
  failUnder?: number;
}

/** What the shell is told. A mean of half a run says nothing, so lost Trials go before --fail-under. */
export function exitCodeOf({ ending, summary, refused, problems, failUnder }: Outcome): ExitCode {
  if (ending === 'interrupted') return 130;
  if (ending === 'timeout') return 124;
  if (summary.counts.lost > 0) return 1;
  if (refused > 0 || problems > 0) return 3;
  return failUnder !== undefined && (summary.mean ?? 0) < failUnder ? 4 : 0;
}

/** The one document of -o json and yaml, the names, or the table. Events of -o jsonl have been printed. */
export async function printOutcome(
  terminal: Terminal,
  format: OutputFormat,
  ended: Attended & { run: string; namespace: string },
): Promise<void> {
  if (format === 'jsonl') return;
  if (format === 'name') return terminal.out(`${ended.run}\n`);
  const rows = ended.trials.sort((a, b) => (a.name < b.name ? -1 : 1));
  if (format === 'table' && (rows.length > TABLE_ROWS || ended.ending === 'interrupted')) return;
  await printListing(terminal, format, {
    rows,
    columns,
    name: ({ name }) => name,
    document: () => documentOf(ended),
  });
}

/** What was created, where nobody waits: the run's name for people and scripts, else a document. */
export async function printSubmitted(
  terminal: Terminal,
  format: OutputFormat,
  { run, namespace, submitted }: { run: string; namespace: string; submitted: Submitted },
): Promise<void> {
  const { created, unchanged } = submitted;
  const document: RunSubmitted = { run, namespace, created, unchanged, refused: refusedIn(submitted) };
  const columns = [{ header: 'run', value: () => run }];
  await printListing(terminal, format === 'table' ? 'name' : format, {
    rows: [document],
    columns,
    name: () => run,
    document: () => document,
  });
}

const refusedIn = (submitted: Submitted | undefined) =>
  (submitted?.refused ?? []).map(({ name, error }) => ({
    trial: name,
    code: error.code,
    message: error.why,
  }));

const columns: Column<TrialLine>[] = [
  { header: 'trial', value: ({ name }) => name, wide: true },
  { header: 'task', value: ({ task }) => task },
  { header: 'agent', value: ({ agent }) => agent },
  { header: 'model', value: ({ model }) => model },
  { header: 'state', value: ({ state }) => state },
  { header: 'reward', value: ({ reward }) => reward && figure(reward), align: 'right' },
  {
    header: 'time',
    value: ({ createdAt, endedAt }) => endedAt && duration(endedAt - createdAt),
    align: 'right',
  },
  {
    header: 'why',
    value: ({ reward, exception, reason, message }) =>
      reward === undefined ? `${reason}: ${message}` : exception,
  },
  { header: 'node', value: ({ node }) => node, wide: true },
];

const documentOf = ({
  run,
  namespace,
  folder,
  summary,
  trials,
  submitted,
}: Attended & { run: string; namespace: string }): RunOutcome => ({
  run,
  namespace,
  folder,
  ...summaryDocument(summary),
  errors: summary.errors,
  refused: refusedIn(submitted),
  trials: trials.map(lineDocument),
});

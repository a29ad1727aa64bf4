/** `sb run ls`: the runs of a namespace. */
import { summarize } from '../../../client/runs/follow/summary.ts';
import { lineOf, type TrialLine } from '../../../client/runs/follow/line.ts';
import { byText, duration, figure } from '../../../text/figures.ts';
import { summaryDocument } from '../../render/documents.ts';
import type { Column } from '../../render/table.ts';
import type { RunRow } from '../../../client/documents/run.ts';
import { eachTrial, runOf, type Reader } from '../../../client/runs/find/runs.ts';

/** All runs, the newest first. */
export async function listRuns(reader: Reader, now: Date): Promise<RunRow[]> {
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

/** Columns of the table; ages are counted to `now`. */
export const runColumns = (now: Date): Column<RunRow>[] => [
  { header: 'run', value: ({ run }) => run },
  { header: 'state', value: ({ state }) => state },
  { header: 'ended', value: ({ ended, total }) => `${ended}/${total}`, align: 'right' },
  { header: 'passed', value: ({ counts }) => counts.passed, align: 'right' },
  { header: 'failed', value: ({ counts }) => counts.failed, align: 'right' },
  { header: 'lost', value: ({ counts }) => counts.lost, align: 'right' },
  { header: 'cancelled', value: ({ counts }) => counts.cancelled, align: 'right', wide: true },
  { header: 'mean', value: ({ mean }) => (mean === null ? undefined : figure(mean)), align: 'right' },
  { header: 'took', value: (row) => duration(row.elapsed_seconds * 1000), align: 'right' },
  {
    header: 'age',
    value: (row) => duration(now.getTime() - Date.parse(row.created_at ?? '')),
    align: 'right',
  },
  {
    header: 'errors',
    value: ({ errors }) => errors.map(({ count, reason }) => `${count} ${reason}`).join(', '),
    wide: true,
  },
];

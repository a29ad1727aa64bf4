/** `sb run ls`: the runs of a namespace. */
import { isEnded } from '../../follow/state.ts';
import { summarize, type RunSummary } from '../../follow/summary.ts';
import { lineOf, type TrialLine } from '../../follow/line.ts';
import { byText } from '../../follow/best.ts';
import { duration, figure } from '../../render/progress/words.ts';
import type { Column } from '../../render/table.ts';
import { eachTrial, runOf, type Reader } from '../find/trials.ts';

/** A run as its Trials tell of it; those that were deleted are not counted. */
export interface RunRow {
  run: string;
  namespace: string;
  /** `running` while a Trial of it has not ended. */
  state: 'running' | 'ended';
  trials: number;
  ended: number;
  counts: RunSummary['counts'];
  /** Over all that ended. */
  mean: number | null;
  /** RFC 3339, of the first Trial. */
  created_at: string;
  elapsed_seconds: number;
  errors: RunSummary['errors'];
}

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
    .sort((a, b) => byText(b.created_at, a.created_at) || byText(a.run, b.run));
}

function rowOf(
  lines: TrialLine[],
  { run, namespace, now }: { run: string; namespace: string; now: Date },
): RunRow {
  const { counts, mean, elapsedMs, errors, ended } = summarize(lines, { run, now: now.getTime() });
  const createdAt = lines.reduce((first, line) => Math.min(first, line.createdAt), Infinity);
  return {
    run,
    namespace,
    state: lines.every(({ state }) => isEnded(state)) ? 'ended' : 'running',
    trials: lines.length,
    ended,
    counts,
    mean: mean ?? null,
    created_at: new Date(createdAt).toISOString(),
    elapsed_seconds: Math.round(elapsedMs / 1000),
    errors,
  };
}

/** Columns of the table; ages are counted to `now`. */
export const runColumns = (now: Date): Column<RunRow>[] => [
  { header: 'run', value: ({ run }) => run },
  { header: 'state', value: ({ state }) => state },
  { header: 'ended', value: ({ ended, trials }) => `${ended}/${trials}`, align: 'right' },
  { header: 'passed', value: ({ counts }) => counts.passed, align: 'right' },
  { header: 'failed', value: ({ counts }) => counts.failed, align: 'right' },
  { header: 'lost', value: ({ counts }) => counts.lost, align: 'right' },
  { header: 'cancelled', value: ({ counts }) => counts.cancelled, align: 'right', wide: true },
  { header: 'mean', value: ({ mean }) => (mean === null ? undefined : figure(mean)), align: 'right' },
  { header: 'took', value: (row) => duration(row.elapsed_seconds * 1000), align: 'right' },
  {
    header: 'age',
    value: (row) => duration(now.getTime() - Date.parse(row.created_at)),
    align: 'right',
  },
  {
    header: 'errors',
    value: ({ errors }) => errors.map(({ count, reason }) => `${count} ${reason}`).join(', '),
    wide: true,
  },
];

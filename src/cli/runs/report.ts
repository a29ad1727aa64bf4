/** What is printed of runs: all of a namespace, one with its Trials, and what was copied or repeated of one. */
import { hasResult } from '../../crds/reasons.ts';
import type { Trial } from '../../crds/trial.ts';
import { lineOf, type TrialLine } from '../../client/runs/follow/line.ts';
import {
  modelFailureLine,
  regradeLine,
  rewardedNop,
  summarize,
  type RunSummary,
} from '../../client/runs/follow/summary.ts';
import { STATE_NAMES, type TrialState } from '../../results/state-names.ts';
import { lineDocument, summaryDocument } from '../../client/runs/documents.ts';
import { printListing, printDocument, type Column } from '../render/output.ts';
import { safeLine, safe } from '../../text/safe.ts';
import { contenderLines } from '../render/contenders.ts';
import { style } from '../render/style.ts';
import { byText, duration, figure, counted } from '../../text/figures.ts';
import type {
  ErrorClass,
  RunShown,
  RunRow,
  Downloaded,
  Reindexed,
  Regraded,
  Rerun,
} from '../../client/documents/run.ts';
import type { TrialDocument } from '../../client/documents/trial.ts';
import type { OutputFormat, Terminal } from '../types.ts';
import { inNamespace } from '../../client/session/namespace.ts';
import { errorClasses } from '../../client/runs/errors.ts';

interface ShowOptions {
  run: string;
  namespace: string;
  trials: readonly Trial[];
  now: Date;
  /** Only Trials in these states; empty: all. */
  states: readonly TrialState[];
  format: OutputFormat;
  /** What commands have to name, see `namespaceToSay`. */
  sayNamespace?: string | undefined;
}

/** Rows that somebody still reads; `-o wide` prints all. */
const ROWS = 40;

export async function showRun(terminal: Terminal, options: ShowOptions): Promise<void> {
  const { run, trials, format, states, now, sayNamespace } = options;
  const all = trials.map(lineOf);
  const summary = summarize(all, { run, now: now.getTime() });
  const lines = all.filter(({ state }) => states.length === 0 || states.includes(state)).sort(byUrgency);
  const rows = format === 'table' ? lines.slice(0, ROWS) : lines;
  if (format === 'table' || format === 'wide') terminal.out(headLines(terminal, { ...options, summary }));
  const items = (): TrialDocument[] => lines.toSorted(byName).map(lineDocument);
  await printListing(terminal, format, {
    rows,
    columns: columns(now),
    name: ({ name }) => name,
    document: () => documentOf({ ...options, summary }, items()),
    items,
    empty: 'no Trial of the run is in such a state',
  });
  const warning = rewardedNop(all);
  if (warning !== undefined) terminal.err(`${safeLine(warning)}\n`);
  const hidden = lines.length - rows.length;
  if (hidden > 0)
    terminal.err(
      `… and ${hidden} more: ${inNamespace(`sb run show ${safeLine(run)} -o wide`, sayNamespace)}\n`,
    );
}

const byName = (a: TrialLine, b: TrialLine): number => byText(a.name, b.name);

/** First what somebody has to look at: lost, failed, then what still goes on; what passed comes last. */
const URGENCY: readonly TrialState[] = ['lost', 'retrying', 'failed'];
const byUrgency = (a: TrialLine, b: TrialLine): number => urgency(a) - urgency(b) || byName(a, b);

function urgency({ state }: TrialLine): number {
  const at = URGENCY.indexOf(state);
  return at < 0 ? URGENCY.length + STATE_NAMES.indexOf(state) : at;
}

type Summarized = ShowOptions & { summary: RunSummary };

function headLines(terminal: Terminal, options: Summarized): string {
  const { run, trials, summary } = options;
  const { warn, strong } = style({ color: terminal.color && terminal.outIsTTY });
  const { counts, ended, total, mean, elapsedMs } = summary;
  const states = STATE_NAMES.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`);
  const regraded = regradeLine(summary);
  const failures = modelFailureLine(summary, options.sayNamespace);
  return [
    strong(safeLine(`run ${run}: ${ended}/${total} ended, ${states.join(', ')}, ${duration(elapsedMs)}`)),
    ...(mean === undefined ? [] : [`mean reward ${figure(mean)}`]),
    ...contenderLines(summary),
    ...(regraded === undefined ? [] : [safeLine(regraded)]),
    ...errorClasses(trials).flatMap((one) => errorLines(one, options, warn)),
    ...(failures === undefined ? [] : [warn(safeLine(failures))]),
    '',
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function errorLines(
  one: ErrorClass,
  { run, sayNamespace }: Pick<ShowOptions, 'run' | 'sayNamespace'>,
  warn: (text: string) => string,
): string[] {
  const [head = '', message = ''] = classLines(one);
  const first = one.trials[0] ?? '';
  const again = one.ended && one.fault === 'infrastructure' ? [`sb run rerun ${run} --only infra`] : [];
  const next = [`sb trial explain ${first}`, ...again]
    .map((line) => inNamespace(line, sayNamespace))
    .join('; ');
  return [warn(safeLine(head)), `  ${safeLine(message)}`, `  → ${safeLine(next)}`];
}

const columns = (now: Date): Column<TrialLine>[] => [
  { header: 'trial', value: ({ name }) => name },
  { header: 'task', value: ({ task }) => task, wide: true },
  { header: 'agent', value: ({ agent }) => agent, wide: true },
  { header: 'model', value: ({ model }) => model, wide: true },
  { header: 'state', value: ({ state }) => state },
  {
    header: 'reward',
    value: ({ reward }) => (reward === undefined ? undefined : figure(reward)),
    align: 'right',
  },
  {
    header: 'time',
    value: ({ createdAt, endedAt }) => duration((endedAt ?? now.getTime()) - createdAt),
    align: 'right',
  },
  { header: 'tries', value: ({ attempts }) => attempts, align: 'right', wide: true },
  { header: 'node', value: ({ node }) => node, wide: true },
  { header: 'why', value: whyOf },
];

function whyOf({ state, reason, message, exception }: TrialLine): string {
  if (hasResult(reason)) return exception ?? '';
  return state === 'passed' ? '' : `${reason}: ${message}`;
}

const documentOf = ({ run, namespace, trials, summary }: Summarized, items: TrialDocument[]): RunShown => ({
  run,
  namespace,
  ...summaryDocument(summary),
  errors: errorClasses(trials),
  trials: items,
});

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

/** What `sb run download` did: for people on stderr, with the folder on stdout. */
export async function printDownloaded(
  terminal: Terminal,
  format: OutputFormat,
  done: Downloaded,
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, done);
  const { run, trials, files, kept, bytes, folder } = done;
  terminal.err(
    safe(
      `run ${run}: ${counted(trials, 'Trial')}, ${counted(files, 'file')} (${bytes} bytes) copied, ${kept} were there\n`,
    ),
  );
  terminal.out(`${safe(folder)}\n`);
}

/** Folders that are named; all are in the document. */
const UNREADABLE_SHOWN = 5;

/** What `sb run reindex` did: for people on stderr, with the aggregate's place on stdout. */
export async function printReindexed(
  terminal: Terminal,
  format: OutputFormat,
  done: Reindexed,
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, done);
  const { run, trials, added, shards, unreadable, result } = done;
  const what = `${counted(trials, 'Trial')} in ${counted(shards, 'object')}, ${added} of them were missing`;
  const without = unreadable.slice(0, UNREADABLE_SHOWN).join(', ');
  const more = unreadable.length > UNREADABLE_SHOWN ? ', …' : '';
  const note = unreadable.length > 0 ? `; ${unreadable.length} without a result: ${without}${more}` : '';
  terminal.err(safe(`run ${run}: ${what}${note}\n`));
  terminal.out(`${safe(result)}\n`);
}

/** What `sb run rerun` did: for people on stderr, with the run's name on stdout. `namespace`: see `namespaceToSay`. */
export async function printRerun(
  terminal: Terminal,
  format: OutputFormat,
  { done, namespace }: { done: Rerun; namespace: string | undefined },
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, done);
  const { run, of, created, unchanged } = done;
  const there = unchanged > 0 ? `, ${unchanged} were there` : '';
  const watch = inNamespace(`sb run attach ${run}`, namespace);
  terminal.err(
    safe(`run ${run} repeats ${of}: ${counted(created, 'Trial')} created${there}\nto watch it: ${watch}\n`),
  );
  terminal.out(`${safe(run)}\n`);
}

/** What `sb run regrade` or `sb trial regrade` created, on stderr. */
export function announceRegrade(
  terminal: Terminal,
  { run, of, created, unchanged, left_out }: Regraded,
): void {
  const there = unchanged > 0 ? `, ${unchanged} were there` : '';
  const without = left_out > 0 ? `; ${left_out} of ${of} cannot be regraded` : '';
  terminal.err(safe(`run ${run} regrades ${of}: ${counted(created, 'Trial')} created${there}${without}\n`));
}

/** What was created, where nobody waits: the run's name on stdout. `namespace`: see `namespaceToSay`. */
export async function printRegraded(
  terminal: Terminal,
  format: OutputFormat,
  { done, namespace }: { done: Regraded; namespace: string | undefined },
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, done);
  terminal.err(safe(`to watch it: ${inNamespace(`sb run attach ${done.run}`, namespace)}\n`));
  terminal.out(`${safe(done.run)}\n`);
}

/** `37 trials: ImagePullBackOff, same digest sha256:…` and a line with the message. Not yet safe for a terminal. */
const classLines = ({ class: word, count, shared, message }: ErrorClass): string[] => [
  `${count} ${count === 1 ? 'trial' : 'trials'}: ${[word, ...shared].join(', ')}`,
  `  ${message}`,
];

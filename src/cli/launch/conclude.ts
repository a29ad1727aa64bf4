/** How a run ended that was attended: the last words on it, its document or table on stdout, and the exit code. */
import { printFailure } from '../render/failure.ts';
import {
  modelFailureLine,
  regradeLine,
  rewardedNop,
  type RunSummary,
} from '../../client/runs/follow/summary.ts';
import { incomplete } from '../../client/runs/mirror/problem.ts';
import { namespaceToSay } from '../../client/session/namespace.ts';
import { safe } from '../../text/safe.ts';
import { counted, duration, figure } from '../../text/figures.ts';
import type { ExitCode } from '../../client/failures/error.ts';
import type { OutputFormat, Terminal } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import type { Attended, Ending } from './attend.ts';
import type { TrialLine } from '../../client/runs/follow/line.ts';
import { lineDocument, summaryDocument } from '../../client/runs/documents.ts';
import { printListing, type Column } from '../render/output.ts';
import { TABLE_ROWS } from '../render/progress/frame.ts';
import type { RunOutcome, RunSubmitted } from '../../client/documents/run.ts';
import type { Submitted } from '../../client/runs/submit/submit.ts';

interface ConcludeOptions {
  terminal: Terminal;
  session: Session;
  run: string;
  output: OutputFormat;
  failUnder?: number | undefined;
}

interface FarewellOptions {
  terminal: Terminal;
  run: string;
  /** The command that goes on watching. */
  returnTo: string;
  /** Something was to be submitted. */
  submits: boolean;
}

/** The command that goes on watching a run. */
export const returnTo = (
  run: string,
  { namespace, context }: Pick<Session, 'namespace' | 'context'>,
): string => `sb run attach ${run} -n ${namespace} --context ${context}`;

/** To be said where a run was not submitted whole. */
export const halfway = (run: string): string =>
  `not all Trials were created; the same command with --run-name ${run} creates the others`;

/** Refused Trials that are told of; all are in the document. */
const SHOWN = 5;

/** Tells of what was refused in four lines each. */
export function printRefused(
  terminal: Terminal,
  refused: NonNullable<Attended['submitted']>['refused'],
): void {
  for (const { error } of refused.slice(0, SHOWN)) printFailure(terminal, error, { debug: false });
}

/** Says how a run ended, and what is wrong with it; resolves to the exit code. */
export async function conclude(ended: Attended, options: ConcludeOptions): Promise<ExitCode> {
  const { terminal, run, session, output, failUnder } = options;
  const { submitted, report, ending, summary } = ended;
  const refused = submitted?.refused ?? [];
  printRefused(terminal, refused);
  if (ending === 'over' && report.problems.length > 0)
    printFailure(terminal, incomplete(run, report.problems, session), { debug: false });
  const warning = rewardedNop(ended.trials);
  if (warning !== undefined) terminal.err(safe(`${warning}\n`));
  const regraded = regradeLine(summary);
  if (regraded !== undefined) terminal.err(safe(`${regraded}\n`));
  const failures = modelFailureLine(summary, namespaceToSay(session));
  if (failures !== undefined) terminal.err(safe(`${failures}\n`));
  await printOutcome(terminal, output, { ...ended, run, namespace: session.namespace });
  return exitCodeOf({
    ending,
    summary,
    refused: refused.length,
    problems: report.problems.length,
    ...(failUnder !== undefined && { failUnder }),
  });
}

/** Says what somebody has to know who leaves a run before its end. */
export function printFarewell(
  left: Pick<Attended, 'cancelled' | 'submitted'>,
  { terminal, ...options }: FarewellOptions,
): void {
  terminal.err(safe(`${farewell(left, options)}\n`));
}

function farewell(
  { cancelled, submitted }: Pick<Attended, 'cancelled' | 'submitted'>,
  { run, returnTo: command, submits }: Omit<FarewellOptions, 'terminal'>,
): string {
  if (cancelled > 0)
    return `run ${run}: ${counted(cancelled, 'Trial')} cancelled; to see them end: ${command}`;
  const lines = [`the run continues; to return to it: ${command}`];
  return [...lines, ...(submits && !submitted ? [halfway(run)] : [])].join('\n');
}

interface Outcome {
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

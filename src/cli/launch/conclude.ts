/** The last words on a run that was attended, and the exit code. */
import { printFailure } from '../render/failure.ts';
import { rewardedNop } from '../../client/runs/follow/summary.ts';
import { incomplete } from '../../client/runs/mirror/problem.ts';
import { safe } from '../../text/safe.ts';
import { counted } from '../../text/figures.ts';
import type { ExitCode } from '../../client/failures/error.ts';
import type { OutputFormat, Terminal } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import type { Attended } from './attend.ts';
import { exitCodeOf, printOutcome } from './outcome.ts';

export interface ConcludeOptions {
  terminal: Terminal;
  session: Session;
  run: string;
  output: OutputFormat;
  failUnder?: number | undefined;
}

export interface FarewellOptions {
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
  const lines = [`the run goes on; to return to it: ${command}`];
  return [...lines, ...(submits && !submitted ? [halfway(run)] : [])].join('\n');
}

/** `sb run logs`: the logs of a run's Trials, one after the other. */
import { CliError } from '../failure/error.ts';
import { stateOf, type TrialState } from '../follow/state.ts';
import { safe } from '../render/safe.ts';
import { logSources, printLog } from '../trials/log/print.ts';
import type { LogWish } from '../trials/log/parts.ts';
import type { Io, Session } from '../types.ts';
import { resolveRun } from './find/resolve.ts';
import { trialsOf } from './find/trials.ts';

export interface RunLogs {
  io: Io;
  /** As it was typed. */
  run: string;
  /** Only Trials in these states; empty: all. */
  states: readonly TrialState[];
  wish: Omit<LogWish, 'follow' | 'signal'>;
}

/** Every line has its Trial's name before it. A Trial without a log is told on stderr; SB-E093 where none has one. */
export async function printRunLogs(
  session: Session,
  { io, run: wanted, states, wish }: RunLogs,
): Promise<void> {
  const run = await resolveRun(session, wanted);
  const all = await trialsOf(session, run);
  const trials = all.filter((trial) => states.length === 0 || states.includes(stateOf(trial).state));
  const sources = logSources(session);
  let last: CliError | undefined;
  let printed = 0;
  for (const trial of trials) {
    const { name } = trial.metadata;
    const options = {
      trial,
      sources,
      wish: { ...wish, follow: false, signal: io.signal },
      prefix: `${name} | `,
    };
    try {
      await printLog(io.terminal, options);
      printed += 1;
    } catch (error) {
      if (!(error instanceof CliError) || error.code !== 'SB-E093') throw error;
      last = error;
      io.terminal.err(safe(`${name}: ${error.why}\n`));
    }
  }
  if (printed === 0) throw last ?? noTrial(run);
}

const noTrial = (run: string): CliError =>
  new CliError('SB-E093', {
    what: `there is no log of the run ${run}`,
    why: 'no Trial of it is in such a state',
    fix: `sb run show ${run}`,
  });

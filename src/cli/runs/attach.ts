/** `sb run attach`: back to a run, as if its command had never ended. */
import { attend } from '../launch/attend.ts';
import { conclude, printFarewell, returnTo } from '../launch/conclude.ts';
import type { ExitCode } from '../../client/failures/error.ts';
import type { Io, OutputFormat } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { resolveRun } from '../../client/runs/find/runs.ts';

export interface AttachOptions {
  io: Io;
  /** As it was typed. */
  run: string;
  /** Absolute. */
  jobsDir: string;
  output: OutputFormat;
  quiet: boolean;
  followAgents: boolean;
  waitMs?: number;
  failUnder?: number;
}

/** Watches the run to its end and copies its results; the exit code is that of `sb cloud run`. */
export async function attachRun(session: Session, options: AttachOptions): Promise<ExitCode> {
  const { io, jobsDir, output, quiet, waitMs, failUnder, followAgents } = options;
  const run = await resolveRun(session, options.run);
  const { terminal } = io;
  const ended = await attend({
    session,
    io,
    run,
    jobsDir,
    output,
    quiet,
    followAgents,
    onLeave: (left) =>
      printFarewell(left, { terminal, run, returnTo: returnTo(run, session), submits: false }),
    ...(waitMs !== undefined && { waitMs }),
  });
  return conclude(ended, { terminal, session, run, output, failUnder });
}

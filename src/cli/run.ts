import { CommanderError } from 'commander';
import { CliError, type ExitCode } from '../client/failures/error.ts';
import { explain } from '../client/failures/explain.ts';
import { printFailure } from './render/failure.ts';
import { GREETING, program } from './program.ts';
import type { Io } from './types.ts';

/** Runs `sb` with these arguments: the one place where a failure becomes four lines and an exit code. */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  if (args.every((arg) => arg === '--no-input')) {
    io.terminal.out(GREETING);
    return 0;
  }
  let code: ExitCode = 0;
  const root = program({ io, finish: (wanted) => (code = wanted) });
  try {
    await root.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (io.signal.aborted && !(error instanceof CliError)) return 130;
    const failure = explain(error);
    printFailure(io.terminal, failure, { debug: args.includes('--debug') });
    return failure.exit;
  }
}

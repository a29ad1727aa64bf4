import { safe } from '../../text/safe.ts';
import { style } from './style.ts';
import type { Terminal } from '../types.ts';
import { pageOf, type CliError } from '../../client/failures/error.ts';

/** Prints the four lines on stderr: what failed, why, what to do, the code with its page. */
export function printFailure(terminal: Terminal, failure: CliError, { debug }: { debug: boolean }): void {
  const { bad, faint } = style(terminal);
  const line = (label: string, text: string): string =>
    `${label} ${safe(text).trimEnd().replaceAll('\n', '\n       ')}\n`;
  terminal.err(
    line(bad('error:'), failure.what) +
      line('cause:', failure.why) +
      line('fix:  ', failure.fix) +
      line('code: ', `${failure.code} (${pageOf(failure.code)})`),
  );
  if (debug && failure.cause !== undefined) terminal.err(faint(safe(trace(failure.cause))) + '\n');
}

/** The error's stack and those of its causes. */
function trace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? String(error);
  return error.cause === undefined ? own : `${own}\ncaused by: ${trace(error.cause)}`;
}

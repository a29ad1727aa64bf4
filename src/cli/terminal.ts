import { WriteStream } from 'node:tty';
import type { Terminal } from './types.ts';

/** A stream of a process; `isTTY` is missing where it is none, whatever Node's types say. */
interface Stream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

/** The streams of a process, as far as a terminal needs them. */
interface Streams {
  stdin: { isTTY?: boolean };
  stdout: Stream;
  stderr: Stream;
}

/** The terminal that a process has. `input: false` is --no-input. */
export function processTerminal(
  { stdin, stdout, stderr }: Streams,
  { env, input }: { env: Record<string, string | undefined>; input: boolean },
): Terminal {
  const isTTY = stderr.isTTY === true;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    isTTY,
    outIsTTY: stdout.isTTY === true,
    columns: () => stderr.columns || stdout.columns || 80,
    rows: () => stderr.rows || stdout.rows || 24,
    color: wantsColor(env, isTTY),
    input: input && isTTY && stdin.isTTY === true,
    onResume: (listener) => {
      process.on('SIGCONT', listener);
      return () => process.off('SIGCONT', listener);
    },
  };
}

/** https://no-color.org: any value that is not empty; FORCE_COLOR comes first, as in Node. */
function wantsColor(env: Record<string, string | undefined>, isTTY: boolean): boolean {
  const force = env['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (env['NO_COLOR']) return false;
  return isTTY && WriteStream.prototype.hasColors(env);
}

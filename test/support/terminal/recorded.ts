import { PassThrough } from 'node:stream';
import type { Io, Terminal } from '../../../src/cli/types.ts';

/** A terminal that remembers what was printed. */
interface RecordedTerminal extends Terminal {
  stdout: string;
  stderr: string;
}

export function recordedTerminal(overrides: Partial<Terminal> = {}): RecordedTerminal {
  const terminal: RecordedTerminal = {
    stdout: '',
    stderr: '',
    out: (text) => void (terminal.stdout += text),
    err: (text) => void (terminal.stderr += text),
    isTTY: false,
    outIsTTY: false,
    columns: () => 80,
    rows: () => 24,
    color: false,
    input: false,
    ...overrides,
  };
  return terminal;
}

/** A process around a command, with a terminal that remembers. */
export function recordedIo(overrides: Partial<Io> = {}): Io & { terminal: RecordedTerminal } {
  return {
    env: {},
    cwd: process.cwd(),
    signal: new AbortController().signal,
    onInterrupt: () => () => undefined,
    confirm: async () => false,
    ask: async () => '',
    streams: { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() },
    now: () => new Date('2026-01-31T14:25:01Z'),
    ...overrides,
    terminal: recordedTerminal(),
  };
}

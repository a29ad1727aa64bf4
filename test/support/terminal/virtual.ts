/** A terminal within the process: what a person would see after everything that was written. */
import xterm from '@xterm/headless';
import type { Terminal } from '../../../src/cli/types.ts';

interface VirtualTerminal extends Terminal {
  resize(columns: number, rows: number): Promise<void>;
  /** Rows of the screen and of what has scrolled out of it, without empty ones at the end. */
  text(): Promise<string[]>;
  /** Everything written to stderr and to stdout, as it was written. */
  written(): { err: string; out: string };
  /** As if the process had been stopped and went on. */
  resume(): void;
}

export function virtualTerminal({
  columns = 80,
  rows = 24,
  color = false,
  isTTY = true,
} = {}): VirtualTerminal {
  // A real terminal turns a newline into carriage return and newline.
  const screen = new xterm.Terminal({ cols: columns, rows, convertEol: true, allowProposedApi: true });
  const written = { err: '', out: '' };
  const resumed = new Set<() => void>();
  const flushed = (): Promise<void> => new Promise((resolve) => screen.write('', resolve));
  return {
    out: (text) => void (written.out += text),
    err: (text) => {
      written.err += text;
      screen.write(text);
    },
    isTTY,
    outIsTTY: false,
    columns: () => screen.cols,
    rows: () => screen.rows,
    color,
    input: false,
    resize: async (wide, high) => {
      await flushed();
      screen.resize(wide, high);
    },
    text: async () => {
      await flushed();
      const { active } = screen.buffer;
      const lines = Array.from(
        { length: active.length },
        (_, index) => active.getLine(index)?.translateToString(true) ?? '',
      );
      return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
    },
    written: () => written,
    onResume: (listener) => {
      resumed.add(listener);
      return () => resumed.delete(listener);
    },
    resume: () => resumed.forEach((listener) => listener()),
  };
}

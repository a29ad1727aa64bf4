/** Redraws a few lines at the end of the terminal's text, in place. */
import { createLogUpdate } from 'log-update';
import stringWidth from 'string-width';
import type { Cancel, Clock } from '../../../kube/clock.ts';
import type { Terminal } from '../../types.ts';

export interface LiveOptions {
  terminal: Pick<Terminal, 'err' | 'columns' | 'rows'>;
  clock: Clock;
  /** The lines as of now; none longer than the terminal is wide, and fewer than it has rows. */
  lines: () => string[];
}

export interface Live {
  /** Something changed: redraws, though no more than ten times a second. */
  changed(): void;
  /** Prints text above the view; it stays. */
  print(text: string): void;
  /** Draws the last frame, which stays. */
  stop(): void;
}

const FRAME_MS = 100;
/** Nine tenths of the time are for following the run, however long it takes to draw. */
const FRAME_SHARE = 10;
/** Times that pass have to be seen passing. */
const IDLE_MS = 1000;
/** A terminal that was resized is put in order this soon. */
const SIZE_MS = 200;

class LiveView implements Live {
  readonly #options: LiveOptions;
  readonly #draw: ReturnType<typeof createLogUpdate>;
  #shown: string[] = [];
  #size = '';
  #drawnAt = -Infinity;
  #pauseMs = FRAME_MS;
  #dirty = true;
  #timer: Cancel | undefined;
  #stopped = false;

  constructor(options: LiveOptions) {
    const { terminal } = options;
    this.#options = options;
    const stream = {
      isTTY: true,
      write: (text: string): boolean => {
        terminal.err(text);
        return true;
      },
      get columns() {
        return terminal.columns();
      },
      get rows() {
        return terminal.rows();
      },
    };
    // The cursor stays: whoever ends the process in the middle would be left without one.
    this.#draw = createLogUpdate(stream as unknown as NodeJS.WritableStream, { showCursor: true });
    this.#tick();
  }

  changed(): void {
    if (this.#stopped || this.#dirty) return;
    this.#dirty = true;
    this.#schedule();
  }

  print(text: string): void {
    this.#erase();
    this.#options.terminal.err(text.endsWith('\n') ? text : `${text}\n`);
    if (!this.#stopped) this.#paint();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.();
    this.#paint();
    this.#draw.done();
  }

  #tick(): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    const idle = clock.monotonic() - this.#drawnAt;
    if (idle >= IDLE_MS || (this.#dirty && idle >= this.#pauseMs) || this.#size !== this.#sizeNow())
      this.#paint();
    this.#schedule();
  }

  #schedule(): void {
    this.#timer?.();
    const since = this.#options.clock.monotonic() - this.#drawnAt;
    const wait = this.#dirty ? Math.max(0, this.#pauseMs - since) : SIZE_MS;
    this.#timer = this.#options.clock.after(wait, () => this.#tick());
  }

  #sizeNow(): string {
    const { terminal } = this.#options;
    return `${terminal.columns()}x${terminal.rows()}`;
  }

  #paint(): void {
    const { clock, lines: linesNow } = this.#options;
    const began = clock.monotonic();
    if (this.#size !== this.#sizeNow()) this.#erase();
    const lines = linesNow();
    this.#draw(lines.join('\n'));
    this.#shown = lines;
    this.#size = this.#sizeNow();
    this.#drawnAt = clock.monotonic();
    this.#pauseMs = Math.max(FRAME_MS, FRAME_SHARE * (this.#drawnAt - began));
    this.#dirty = false;
  }

  /**
   * Removes what was drawn, however the terminal shows it now: one that became narrower has broken lines in two. Erasing only as many rows as
   * were written would leave the others behind as duplicates.
   */
  #erase(): void {
    const { terminal } = this.#options;
    const columns = Math.max(1, terminal.columns());
    const taken = this.#shown.map((line) => Math.max(1, Math.ceil(stringWidth(line) / columns)));
    const rows = Math.min(
      taken.reduce((sum, count) => sum + count, 0),
      Math.max(1, terminal.rows() - 1),
    );
    if (this.#shown.length > 0) terminal.err(`\u001B[${rows}A\r\u001B[J`);
    this.#shown = [];
    this.#draw.done();
  }
}

/** Begins to draw. */
export const live = (options: LiveOptions): Live => new LiveView(options);

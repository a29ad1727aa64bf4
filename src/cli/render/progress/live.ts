/** Redraws a few lines at the end of the terminal's text, in place. */
import { createLogUpdate } from 'log-update';
import stringWidth from 'string-width';
import type { Cancel, Clock } from '../../../async/clock.ts';
import type { Terminal } from '../../types.ts';

interface LiveOptions {
  terminal: Pick<Terminal, 'err' | 'columns' | 'rows' | 'onResume'>;
  clock: Clock;
  /** The lines as of now; none longer than the terminal is wide, and fewer than it has rows. */
  lines: () => string[];
}

interface Live {
  /** Something changed: redraws, though no more than ten times a second. */
  changed(): void;
  /** Prints text above the view, where it stays, with the next frame: agents may print faster than anybody draws. */
  print(text: string): void;
  /** Draws the last frame, which stays. */
  stop(): void;
  /** Removes what was drawn, for good. */
  remove(): void;
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
  /** What is to be printed above the next frame. */
  #above = '';
  #size = '';
  #drawnAt = -Infinity;
  #pauseMs = FRAME_MS;
  #dirty = true;
  #timer: Cancel | undefined;
  #stopped = false;
  readonly #ignoreResume: (() => void) | undefined;

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
    this.#ignoreResume = terminal.onResume?.(() => this.#beginAnew());
    this.#tick();
  }

  changed(): void {
    if (this.#stopped || this.#dirty) return;
    this.#dirty = true;
    this.#schedule();
  }

  print(text: string): void {
    this.#above += text.endsWith('\n') ? text : `${text}\n`;
    if (this.#stopped) this.#flush();
    else this.changed();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#end();
    this.#paint();
    this.#draw.done();
    this.#shown = [];
  }

  remove(): void {
    this.#end();
    this.#erase();
    this.#flush();
  }

  #end(): void {
    this.#stopped = true;
    this.#timer?.();
    this.#ignoreResume?.();
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
    const { clock } = this.#options;
    const since = clock.monotonic() - this.#drawnAt;
    const wait = this.#dirty ? Math.max(0, this.#pauseMs - since) : SIZE_MS;
    // After a stop timers are due before the signal is heard; nothing may be drawn until it is.
    this.#timer = clock.after(wait, () => (this.#timer = clock.after(0, () => this.#tick())));
  }

  #sizeNow(): string {
    const { terminal } = this.#options;
    return `${terminal.columns()}x${terminal.rows()}`;
  }

  #paint(): void {
    const { clock, lines: linesNow } = this.#options;
    const began = clock.monotonic();
    if (this.#size !== this.#sizeNow() || this.#above !== '') this.#erase();
    this.#flush();
    const lines = linesNow();
    this.#draw(lines.join('\n'));
    this.#shown = lines;
    this.#size = this.#sizeNow();
    this.#drawnAt = clock.monotonic();
    this.#pauseMs = Math.max(FRAME_MS, FRAME_SHARE * (this.#drawnAt - began));
    this.#dirty = false;
  }

  #flush(): void {
    if (this.#above !== '') this.#options.terminal.err(this.#above);
    this.#above = '';
  }

  /** Draws below what is on the screen; nothing there is touched any more. */
  #beginAnew(): void {
    this.#shown = [];
    this.#draw.done();
    this.#paint();
  }

  /**
   * Removes what was drawn, however the terminal shows it now: one that became narrower has broken lines in two. Erasing only as many rows as
   * were written would leave the others behind as duplicates.
   * Where all of the screen is erased at once tmux keeps a copy of it above, and lets nothing from there come down again into a screen that
   * grows: right for rows that a new size has pushed out, wrong for a note that is printed.
   */
  #erase(): void {
    const { terminal } = this.#options;
    const columns = Math.max(1, terminal.columns());
    const taken = this.#shown.map((line) => Math.max(1, Math.ceil(stringWidth(line) / columns)));
    const rows = Math.min(
      taken.reduce((sum, count) => sum + count, 0),
      Math.max(1, terminal.rows() - 1),
    );
    const below =
      this.#size === this.#sizeNow()
        ? `${'\u001B[2K\u001B[B'.repeat(rows)}\u001B[2K\u001B[${rows}A`
        : '\u001B[J';
    if (this.#shown.length > 0) terminal.err(`\u001B[${rows}A\r${below}`);
    this.#shown = [];
    this.#draw.done();
  }
}

/** Begins to draw. */
export const live = (options: LiveOptions): Live => new LiveView(options);

/** Since when nothing has happened in a Sandbox: no command runs, and no byte of a program's comes or goes. */
import type { Cancel, Clock } from '../../async/clock.ts';

export interface IdleDeps {
  clock: Clock;
  /** Whether something runs now. */
  isBusy: () => boolean;
  /**
   * Seconds without activity after which the Sandbox ends, as the broker says it now; undefined for none. Asked when they seem to be over, since
   * they may have changed, and every few minutes. A rejection is asked again.
   */
  limit: () => Promise<number | undefined>;
  /** `since`: epoch milliseconds of the last activity. Called once. */
  onIdle: (since: number) => void;
}

const ASK_MS = 5 * 60_000;
const AGAIN_MS = 30_000;

export class Idle {
  readonly #deps: IdleDeps;
  #active: number;
  #timer: Cancel;
  #isOver = false;

  /** `seconds`: the limit as it is known already. */
  constructor(deps: IdleDeps, seconds: number | undefined) {
    this.#deps = deps;
    this.#active = deps.clock.monotonic();
    this.#timer = this.#after(this.#pause(seconds));
  }

  /** Something happens. */
  touch(): void {
    this.#active = this.#deps.clock.monotonic();
  }

  close(): void {
    this.#isOver = true;
    this.#timer();
  }

  /** Milliseconds until it may be due. A command that runs makes it later, so that is looked at more often. */
  #pause(seconds: number | undefined): number {
    if (seconds === undefined) return ASK_MS;
    return Math.min(ASK_MS, Math.max(0, seconds * 1000 - this.#idleMs()));
  }

  #idleMs(): number {
    if (this.#deps.isBusy()) this.touch();
    return this.#deps.clock.monotonic() - this.#active;
  }

  #after(ms: number): Cancel {
    return this.#deps.clock.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    const pause = await this.#deps.limit().then(
      (seconds) => this.#decide(seconds),
      () => AGAIN_MS,
    );
    if (!this.#isOver && pause !== undefined) this.#timer = this.#after(pause);
  }

  /** Milliseconds until it is to be asked again; undefined where it is over. */
  #decide(seconds: number | undefined): number | undefined {
    const idle = this.#idleMs();
    if (this.#isOver) return undefined;
    if (seconds === undefined || idle < seconds * 1000) return this.#pause(seconds);
    this.#isOver = true;
    this.#deps.onIdle(this.#deps.clock.now() - idle);
    return undefined;
  }
}

/** Slots for running builds: so many at a time, the rest waits in the order of arrival. */

export class BuildQueue {
  readonly #quota: number;
  #running = 0;
  readonly #waiting = new Set<() => void>();

  constructor(quota: number) {
    this.#quota = quota;
  }

  /** Resolves when there is a slot, true: `leave` gives it back; or when `signal` fires before, false. */
  async enter(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#running >= this.#quota) return this.#turn(signal);
    this.#running++;
    return true;
  }

  /** Hands the slot to whoever waits longest. */
  leave(): void {
    const [first] = this.#waiting;
    if (first) first();
    else this.#running--;
  }

  #turn(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (granted: boolean): void => {
        this.#waiting.delete(grant);
        signal.removeEventListener('abort', giveUp);
        resolve(granted);
      };
      const grant = (): void => settle(true);
      const giveUp = (): void => settle(false);
      this.#waiting.add(grant);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }
}

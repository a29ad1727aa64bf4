/** How many connections there may be: of a caller, into a Sandbox, and in all, so that memory is bounded and nobody takes what others need. */
import { refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import type { Session } from './session-token.ts';

export interface Bounds {
  perCaller: number;
  perSandbox: number;
  total: number;
}

/** Two TLS connections with what waits in them take up to 400 KiB where the program does not read, so all of them stay under 400 MiB. */
export const CONNECTION_BOUNDS: Bounds = { perCaller: 256, perSandbox: 64, total: 1024 };

export class Places {
  readonly #bounds: Bounds;
  readonly #counts = new Map<string, number>();

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** Counts one more; the function returned gives the place back, and may be called again. */
  take({ caller, uid }: Pick<Session, 'caller' | 'uid'>): (() => void) | Refused {
    const { perCaller, perSandbox, total } = this.#bounds;
    const [ofCaller, ofSandbox, all] = [`caller ${caller}`, `sandbox ${uid}`, 'all'] as const;
    if (this.#count(all) >= total)
      return refused(503, 'Busy', `${total} connections are open here; try again`);
    if (this.#count(ofCaller) >= perCaller)
      return refused(429, 'TooManyConnections', `you have ${perCaller} connections here; close one first`);
    if (this.#count(ofSandbox) >= perSandbox)
      return refused(429, 'TooManyConnections', `it has ${perSandbox} connections here; close one first`);
    const keys = [ofCaller, ofSandbox, all];
    for (const key of keys) this.#change(key, 1);
    return () => {
      for (const key of keys.splice(0)) this.#change(key, -1);
    };
  }

  #count(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  #change(key: string, by: 1 | -1): void {
    const now = this.#count(key) + by;
    if (now > 0) this.#counts.set(key, now);
    else this.#counts.delete(key);
  }
}

/** Failures that a test asks a service for, and how far they have come. */

export interface Injected {
  /** Calls, builds or resources met so far. */
  readonly hits: number;
  /** Resolves at the first hit. */
  readonly reached: Promise<void>;
  /** Lets go what is held, and takes the fault away. */
  release(): void;
}

interface Countable {
  kind: string;
  /** Default 1. */
  times?: number;
}

class Entry<F extends Countable> {
  readonly fault: F;
  hits = 0;
  readonly reached = Promise.withResolvers<void>();
  readonly released = Promise.withResolvers<void>();

  constructor(fault: F) {
    this.fault = fault;
  }

  get spent(): boolean {
    return this.hits >= (this.fault.times ?? 1);
  }

  hit(): void {
    this.hits++;
    this.reached.resolve();
  }
}

export type OfKind<F extends Countable, K extends F['kind']> = Extract<F, { kind: K }>;

/** The faults that are still to come. */
export class FaultList<F extends Countable> {
  #entries: Entry<F>[] = [];

  inject(fault: F): Injected {
    const entry = new Entry(fault);
    this.#entries.push(entry);
    const release = (): void => {
      this.#entries = this.#entries.filter((other) => other !== entry);
      entry.released.resolve();
    };
    return {
      get hits() {
        return entry.hits;
      },
      reached: entry.reached.promise,
      release,
    };
  }

  /** Counts the first fault of this kind that applies, if there is one. */
  take<K extends F['kind']>(kind: K, applies: (fault: OfKind<F, K>) => boolean): OfKind<F, K> | undefined {
    return this.#take(kind, applies)?.fault as OfKind<F, K> | undefined;
  }

  /** Waits where a fault of this kind applies, until it is released. */
  async wait<K extends F['kind']>(kind: K, applies: (fault: OfKind<F, K>) => boolean): Promise<void> {
    await this.#take(kind, applies)?.released.promise;
  }

  /** Lets go whatever is held. */
  close(): void {
    for (const { released } of this.#entries) released.resolve();
  }

  #take<K extends F['kind']>(kind: K, applies: (fault: OfKind<F, K>) => boolean): Entry<F> | undefined {
    const matches = ({ fault, spent }: Entry<F>): boolean =>
      !spent && fault.kind === kind && applies(fault as OfKind<F, K>);
    const entry = this.#entries.find(matches);
    entry?.hit();
    return entry;
  }
}

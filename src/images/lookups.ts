/**
 * Lookups of images. Whoever makes an object names the registry, and one may never answer: a lookup keeps its worker for a moment, then goes on
 * alone, and its answer waits for the next pass. A namespace that has several of those asks for no more until one of them ends.
 */
import type { Clock } from '../async/clock.ts';
import type { ImageSeen } from './image.ts';

/** How long a lookup keeps its worker. */
const PATIENCE_MS = 2000;
/** Lookups of one namespace that go on without a worker. */
const SLOW_MAX = 8;
/** An answer that nobody came for is kept for this long. */
const KEPT_MS = 60_000;

interface Lookup {
  namespace: string;
  answer: Promise<ImageSeen>;
  state: 'fresh' | 'slow' | 'answered';
}

const unavailable = (message: string): ImageSeen => ({ kind: 'unavailable', message });

export class Lookups {
  readonly #clock: Clock;
  readonly #lookups = new Map<string, Lookup>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What `look` says of an image; `unavailable` where that takes too long. Those of a namespace that ask for the same at once ask once. */
  async answer(namespace: string, reference: string, look: () => Promise<ImageSeen>): Promise<ImageSeen> {
    const id = `${namespace} ${reference}`;
    const known = this.#lookups.get(id);
    if (known?.state === 'answered') this.#lookups.delete(id);
    if (known?.state === 'answered') return known.answer;
    const late = unavailable(`the registry of ${reference} has not answered yet`);
    if (known?.state === 'slow') return late;
    if (!known && this.#slow(namespace) >= SLOW_MAX)
      return unavailable(`${SLOW_MAX} registries that this namespace asks have not answered yet`);
    return this.#inTime(known ?? this.#begin(id, { namespace, answer: look(), state: 'fresh' }), late);
  }

  #begin(id: string, lookup: Lookup): Lookup {
    this.#lookups.set(id, lookup);
    const forget = (): void => {
      if (this.#lookups.get(id) === lookup) this.#lookups.delete(id);
    };
    const ended = (): void => {
      if (lookup.state === 'fresh') return forget();
      lookup.state = 'answered';
      this.#clock.after(KEPT_MS, forget);
    };
    lookup.answer.then(ended, ended);
    return lookup;
  }

  #inTime(lookup: Lookup, late: ImageSeen): Promise<ImageSeen> {
    const patience = Promise.withResolvers<ImageSeen>();
    const cancel = this.#clock.after(PATIENCE_MS, () => {
      if (lookup.state === 'fresh') lookup.state = 'slow';
      patience.resolve(late);
    });
    return Promise.race([lookup.answer, patience.promise]).finally(cancel);
  }

  #slow(namespace: string): number {
    return [...this.#lookups.values()].filter(
      (lookup) => lookup.namespace === namespace && lookup.state === 'slow',
    ).length;
  }
}

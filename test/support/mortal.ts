/** A process that can be killed within a process: from then on nothing it began goes on, and nothing new begins. */
import type { Clock } from '../../src/async/clock.ts';

/** What a dead process sees of everything it waits for. */
const never = <T>(): Promise<T> => new Promise<T>(() => {});

/**
 * Where a process dies. `before`: the effect was never sent. `after`: it was carried out, its answer never read.
 * `late`: it was sent, and is carried out only some time after the death.
 */
export interface Death {
  /** Counts from 1. */
  atEffect: number;
  when: 'before' | 'after' | 'late';
}

export interface LifeOptions {
  death?: Death | undefined;
  /** Takes what arrives late. */
  deliverLate: (effect: () => Promise<unknown>) => void;
}

/** Which calls change the world. */
export type IsEffect = (method: string, args: unknown[]) => boolean;

export class Life {
  readonly #options: LifeOptions;
  readonly #ends: (() => void)[] = [];
  #effects = 0;
  #dead = false;

  constructor(options: LifeOptions) {
    this.#options = options;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Number of effects begun so far. */
  get effects(): number {
    return this.#effects;
  }

  /** Has `end` called at the death. */
  onDeath(end: () => void): void {
    this.#ends.push(end);
  }

  die(): void {
    if (this.#dead) return;
    this.#dead = true;
    for (const end of this.#ends) end();
  }

  /** The process's time, which stops with it. */
  clock(clock: Clock): Clock {
    const pending = new Set<() => void>();
    this.onDeath(() => pending.forEach((cancel) => cancel()));
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (ms, run) => {
        if (this.#dead) return () => {};
        const cancel = clock.after(ms, () => {
          pending.delete(cancel);
          run();
        });
        pending.add(cancel);
        return () => {
          pending.delete(cancel);
          cancel();
        };
      },
    };
  }

  /** What the process sees of `outside`. What arrives late goes `late`: by a way that the death does not close. */
  view<P extends object>(outside: P, isEffect: IsEffect, late: P = outside): P {
    return new Proxy(outside, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function' || typeof name !== 'string') return member;
        return (...args: unknown[]): unknown => {
          // On the object itself: a method may use private fields, which the proxy has not.
          const invoke = (on: P): unknown => Reflect.apply(member, on, args);
          if (isEffect(name, args)) return this.#effect(async (lost) => invoke(lost ? late : target));
          const answer = this.#dead ? never() : invoke(target);
          return answer instanceof Promise ? this.#survive(answer) : answer;
        };
      },
    });
  }

  async #effect(perform: (late: boolean) => Promise<unknown>): Promise<unknown> {
    if (this.#dead) return never();
    const { death, deliverLate } = this.#options;
    this.#effects += 1;
    if (death?.atEffect !== this.#effects) return this.#survive(perform(false));
    if (death.when === 'after') await perform(false).catch(() => {});
    this.die();
    if (death.when === 'late') deliverLate(() => perform(true));
    return never();
  }

  async #survive(answer: Promise<unknown>): Promise<unknown> {
    try {
      const value = await answer;
      return this.#dead ? await never() : value;
    } catch (error) {
      return this.#dead ? never() : Promise.reject(error);
    }
  }
}

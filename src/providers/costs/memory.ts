/** Costs within the process: what a test has charged, and nothing else. */
import { dayOf, monthOf } from '../../text/calendar.ts';
import type { ProviderError } from '../errors.ts';
import type { Bill, Costs } from './port.ts';

/** What one day has cost. */
export interface Charge {
  /** In UTC, as `2026-11-30`. */
  day: string;
  /** Value of the cost tag; undefined for what has none. */
  tag?: string;
  /** Millionths of a US dollar. */
  micros: number;
}

export interface MemoryCostsOptions {
  /** Called before every answer; an error that it returns is what the call throws. */
  fault?: () => ProviderError | undefined;
}

export class MemoryCosts implements Costs {
  readonly #fault: NonNullable<MemoryCostsOptions['fault']>;
  readonly #charges: Charge[] = [];
  /** When somebody asked. */
  readonly asked: Date[] = [];

  constructor({ fault = () => undefined }: MemoryCostsOptions) {
    this.#fault = fault;
  }

  charge(charge: Charge): void {
    this.#charges.push(charge);
  }

  async ofMonth(now: Date): Promise<Bill> {
    this.asked.push(now);
    const error = this.#fault();
    if (error) throw error;
    const until = dayOf(now.getTime());
    const byTag = new Map<string, number>();
    for (const { day, tag, micros } of this.#charges)
      if (tag !== undefined && day < until && day.startsWith(monthOf(now.getTime())))
        byTag.set(tag, (byTag.get(tag) ?? 0) + micros);
    return { until, byTag };
  }
}

export const memoryCosts = (options: MemoryCostsOptions = {}): MemoryCosts => new MemoryCosts(options);

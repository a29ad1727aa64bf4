/** What a cloud charges, by whom its resources are for. Failures are `ProviderError`. */

/** What the days of a month that are over have cost, as far as it is known by now: it may still become more. */
export interface Bill {
  /** The day (UTC) with whose beginning it ends, as `2026-11-30`. */
  until: string;
  /** Millionths of a US dollar by value of the cost tag, letter by letter as it was set. What has no such tag is left out. */
  byTag: ReadonlyMap<string, number>;
}

export interface Costs {
  /** Of the month (UTC) in which `now` is. Whoever asks may have to pay for the answer. */
  ofMonth(now: Date): Promise<Bill>;
}

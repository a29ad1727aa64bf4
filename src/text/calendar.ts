/** Pure: days and months in UTC, as texts that sort as they follow each other. `ms`: since the epoch. */

/** `2026-11-30` */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** `2026-11` */
export const monthOf = (ms: number): string => dayOf(ms).slice(0, 7);

/** What models cost, as data. */

/** US dollars for a million tokens. */
export interface ModelPrice {
  /** Name of the model without its provider; `*` at its end stands for any rest. */
  model: string;
  input: number;
  /** Of those that were read from a cache. */
  cached: number;
  output: number;
}

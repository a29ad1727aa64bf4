/** Settings about budgets of namespaces: `SB_PRICES` and `SB_BUDGET_GRACE_SECONDS`. */
import { DEFAULT_PRICES, type Prices } from '../budget/prices.ts';
import { isRecord } from '../text/json.ts';
import type { Reader } from './reader.ts';

const CALLED =
  'a JSON object of US dollars an hour by resource, such as {"cpu":0.04,"memory":0.0045,"nvidia.com/gpu":1}';
const RESOURCES_MAX = 32;
/** A Pod needs a minute of it for ending in order. */
const GRACE: [number, number] = [120, 86_400];

export const budgetSettings = (read: Reader) => ({
  prices: read.json('SB_PRICES', pricesOf, { fallback: DEFAULT_PRICES, called: CALLED }),
  budgetGraceSeconds: read.integer('SB_BUDGET_GRACE_SECONDS', 600, GRACE),
});

/** Undefined where anything of it is no price. */
const pricesOf = (value: unknown): Prices | undefined =>
  isRecord(value) && isBounded(Object.keys(value).length) && Object.values(value).every(isPrice)
    ? (value as Prices)
    : undefined;

/** Without any price nothing would be counted. */
const isBounded = (count: number): boolean => count > 0 && count <= RESOURCES_MAX;

const isPrice = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

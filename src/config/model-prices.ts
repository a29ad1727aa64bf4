/** Reads what an installation says of the prices of models. */
import type { ModelPrice } from '../crds/model-prices.ts';

const MODELS_MAX = 256;
const MODEL = /^[^\s*]{1,255}\*?$/;
const isPrice = (value: unknown): boolean =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isLeftOut = (value: unknown): boolean => value === undefined || isPrice(value);

const FIELDS: Record<keyof ModelPrice, (value: unknown) => boolean> = {
  model: (value) => typeof value === 'string' && MODEL.test(value),
  input: isPrice,
  cached: isLeftOut,
  output: isPrice,
  cacheWrite: isLeftOut,
};

/** Undefined where anything of it is no price. What was read from a cache costs as other input where nothing else is said. */
export const modelPricesOf = (value: unknown): ModelPrice[] | undefined =>
  Array.isArray(value) && value.length <= MODELS_MAX && value.every(isModelPrice)
    ? value.map((price) => ({ ...price, cached: price.cached ?? price.input }))
    : undefined;

function isModelPrice(one: unknown): one is Omit<ModelPrice, 'cached'> & Partial<ModelPrice> {
  if (typeof one !== 'object' || one === null) return false;
  const said = one as Record<string, unknown>;
  const isKnown = Object.keys(said).every((key) => Object.hasOwn(FIELDS, key));
  return isKnown && Object.entries(FIELDS).every(([key, isFine]) => isFine(said[key]));
}

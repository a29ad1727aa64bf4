/** Whether a Trial that is there is the Trial that is wanted. */
import { isDeepStrictEqual } from 'node:util';
import Value from 'typebox/value';
import { TrialSpec } from '../../../crds/trial.ts';

/** May be changed while the Trial is there, and so does not make it another. */
const MUTABLE = new Set(['suspend', 'cancel', 'ttlSecondsAfterFinished']);

/** Paths of the fields in which two specs differ, once the API's defaults are filled in; empty: they are the same. At most `max`. */
export function specDifferences(wanted: object, found: object, max = 3): string[] {
  return differences(complete(wanted), complete(found)).slice(0, max);
}

/** As the API server stores it. A field that this `sb` does not know is of a newer operator, which gave it a default. */
function complete(spec: object): object {
  const known = Object.entries(spec).filter(([name]) => name in TrialSpec.properties && !MUTABLE.has(name));
  const defaulted = Value.Default(TrialSpec, structuredClone(Object.fromEntries(known))) as object;
  return Object.fromEntries(Object.entries(defaulted).filter(([name]) => !MUTABLE.has(name)));
}

type Table = Record<string, unknown>;

function differences(a: object, b: object): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => {
    const [left, right] = [(a as Table)[key], (b as Table)[key]];
    if (isDeepStrictEqual(left, right)) return [];
    const [ofLeft, ofRight] = [left ?? {}, right ?? {}];
    if (!isTable(ofLeft) || !isTable(ofRight)) return [key];
    return differences(ofLeft, ofRight).map((path) => `${key}.${path}`);
  });
}

const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

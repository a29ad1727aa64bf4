import fc from 'fast-check';

const HALVES = { first: 0xd800, count: 0x800 };
const LAST = 0x10ffff;

function numberOf(text: unknown): number {
  const point = typeof text === 'string' ? text.codePointAt(0) : undefined;
  if (point === undefined || text !== String.fromCodePoint(point)) throw new Error('not one character');
  return point < HALVES.first ? point : point - HALVES.count;
}

/**
 * Any code point that is no half of a surrogate pair: a `unit` of `fc.string`. fast-check's own, `binary`, begins with a map of all 1.1 million,
 * which takes a second and a half and 110 MB of the process. It can be told back from the text, so that `fc.string` has names like `__proto__`, too.
 */
export const anyCharacter = fc
  .integer({ min: 0, max: LAST - HALVES.count })
  .map((number) => String.fromCodePoint(number < HALVES.first ? number : number + HALVES.count), numberOf);

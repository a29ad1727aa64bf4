/** What objects of a cache have alike is in memory once. Nothing is left out: an object reads as before. */

/** Values that were asked for lately, by their text: the last `size` of them at least, and twice as many at most. */
class Recent<V> {
  readonly #size: number;
  #now = new Map<string, V>();
  #before = new Map<string, V>();

  constructor(size: number) {
    this.#size = size;
  }

  /** The value of this text; made where there is none. */
  of(text: string, make: () => V): V {
    const known = this.#now.get(text);
    if (known !== undefined) return known;
    const value = this.#before.get(text) ?? make();
    if (this.#now.size >= this.#size) {
      this.#before = this.#now;
      this.#now = new Map();
    }
    this.#now.set(text, value);
    return value;
  }
}

/** V8 itself keeps shorter ones once. */
const SHORTEST_TEXT = 11;
const LONGEST_TEXT = 256;
const TEXTS = 5000;
/** Whoever writes long ones, each another, takes no more than 32 MiB with the objects that they stand for. */
const LONGEST_WHOLE = 4096;
const WHOLES = 1000;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** Whoever changed it would change it for all. */
function frozen<T>(value: T): T {
  if (isObject(value)) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

/** Puts what `change` makes of each field in its place, where there is anything to change. */
function changed<T>(value: T, change: (inner: unknown) => unknown): T {
  const fields: unknown = value;
  if (!isObject(fields) || Object.isFrozen(fields)) return value;
  for (const key of Object.keys(fields)) fields[key] = change(fields[key]);
  return value;
}

export class Shared {
  readonly #texts = new Recent<string>(TEXTS);
  readonly #wholes = new Recent<unknown>(WHOLES);

  /** The value, with the texts in it that others have, too. Changes it. */
  texts<T>(value: T): T {
    if (typeof value === 'string') return this.#text(value) as T;
    return changed(value, (inner) => this.texts(inner));
  }

  /** The value, or one that is equal and was there before: frozen. Of one that is too long, its fields. */
  whole<T>(value: T): T {
    if (!isObject(value)) return this.texts(value);
    const text = JSON.stringify(value);
    if (text.length > LONGEST_WHOLE) return this.fields(value);
    return this.#wholes.of(text, () => frozen(value)) as T;
  }

  /** The same of each field. Changes the object. */
  fields<T>(value: T): T {
    return changed(value, (field) => this.whole(field));
  }

  #text(text: string): string {
    if (text.length < SHORTEST_TEXT || text.length > LONGEST_TEXT) return text;
    return this.#texts.of(text, () => text);
  }
}

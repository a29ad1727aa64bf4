/**
 * Reads single values out of JSON as its bytes go by, and keeps nothing else: bodies of tens of megabytes pass, by the dozen. What is no JSON is
 * told where it could be read in two ways; the rest is left to whoever parses it.
 */

/** Of one value, as text. */
const VALUE_MAX_BYTES = 16 * 1024;
const NAME_MAX_BYTES = 64;

const [QUOTE, ESCAPE, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OBJECT, OBJECT_END, LIST, LIST_END] = [0x7b, 0x7d, 0x5b, 0x5d];
const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
/** Numbers and the words true, false and null are made of these. */
const isScalar = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2b ||
  byte === 0x2d ||
  byte === 0x2e ||
  byte === 0x45;

export class JsonPicker {
  readonly #wanted: ReadonlySet<string>;
  readonly #onValue: (path: string, value: unknown) => void;
  /** Of most values the name alone tells that they are not wanted. */
  readonly #lastNames: ReadonlySet<string>;
  readonly #depthMax: number;
  readonly #values = new Map<string, string>();
  /** By depth from 1, as far as it is looked at: whether an object is open, and the name of the value that is read. */
  readonly #objects: boolean[] = [];
  readonly #names: string[] = [];
  #depth = 0;
  #at = 0;
  #inString = false;
  #escaped = false;
  #expectsName = false;
  #name: string | undefined;
  #taking: { path: string; depth: number; text: string } | undefined;
  #problem: string | undefined;
  #end = -1;

  /** Paths such as `model` and `response.usage`; `*` stands for all of a list. `onValue`: called with each as `value` has it. */
  constructor(wanted: readonly string[], onValue: (path: string, value: unknown) => void = () => {}) {
    this.#onValue = onValue;
    this.#wanted = new Set(wanted);
    this.#lastNames = new Set(wanted.map((path) => path.slice(path.lastIndexOf('.') + 1)));
    this.#depthMax = Math.max(...wanted.map((path) => path.split('.').length));
  }

  /** Where the whole has its last brace, in bytes from the first one; -1 before that. */
  get end(): number {
    return this.#end;
  }

  /** What two readers may read in two ways; undefined where nothing is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The last value of that path; undefined where there is none, or it is too long. */
  value(path: string): unknown {
    const text = this.#values.get(path);
    try {
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    } catch {
      return undefined;
    }
  }

  feed(bytes: Buffer): void {
    let from = 0;
    for (let index = 0; index < bytes.length; index += 1) {
      if (this.#inString) {
        index = this.#string(bytes, index);
        continue;
      }
      const byte = bytes[index] ?? 0;
      const taking = this.#taking;
      if (taking && this.#endsValue(byte, taking.depth)) this.#took(bytes.subarray(from, index));
      this.#token(byte, index);
      if (this.#taking !== taking) from = index + 1;
    }
    if (this.#taking) this.#take(bytes.subarray(from));
    this.#at += bytes.length;
  }

  /** Goes on to the end of a string, or of the bytes. */
  #string(bytes: Buffer, start: number): number {
    let index = start;
    for (; index < bytes.length; index += 1) {
      const byte = bytes[index];
      if (this.#escaped) this.#escaped = false;
      else if (byte === ESCAPE) this.#escape();
      else if (byte === QUOTE) {
        this.#inString = false;
        break;
      }
    }
    if (this.#name !== undefined && this.#name.length < NAME_MAX_BYTES)
      this.#name += bytes.toString('latin1', start, Math.min(index, start + NAME_MAX_BYTES));
    return index;
  }

  #escape(): void {
    this.#escaped = true;
    if (this.#name !== undefined && this.#depth <= this.#depthMax) this.#odd('a name has an escape in it');
  }

  #endsValue(byte: number, depth: number): boolean {
    return this.#depth === depth && (byte === COMMA || byte === OBJECT_END || byte === LIST_END);
  }

  #token(byte: number, index: number): void {
    if (isSpace(byte)) return;
    if (byte === COLON) this.#named();
    else if (byte === COMMA) this.#expectsName = this.#isObject();
    else if (byte === OBJECT_END || byte === LIST_END) this.#close(index);
    else this.#begin(byte);
  }

  #begin(byte: number): void {
    if (this.#end >= 0) this.#odd('something follows its end');
    if (byte === OBJECT || byte === LIST) this.#open(byte === OBJECT);
    else if (byte === QUOTE) {
      this.#inString = true;
      this.#name = this.#expectsName ? '' : undefined;
    } else if (!isScalar(byte)) this.#odd('it is no JSON in UTF-8');
  }

  #isObject(): boolean {
    return this.#depth <= this.#depthMax && this.#objects[this.#depth] === true;
  }

  #open(isObject: boolean): void {
    this.#depth += 1;
    if (this.#depth <= this.#depthMax) {
      this.#objects[this.#depth] = isObject;
      this.#names[this.#depth] = '*';
    }
    this.#expectsName = this.#isObject();
  }

  #close(index: number): void {
    this.#depth -= 1;
    this.#expectsName = false;
    if (this.#depth === 0 && this.#end < 0) this.#end = this.#at + index;
    else if (this.#depth < 0) this.#odd('it closes what was not open');
  }

  #named(): void {
    const name = this.#name;
    if (name === undefined || !this.#isObject()) return;
    this.#name = undefined;
    this.#expectsName = false;
    this.#names[this.#depth] = name;
    if (!this.#lastNames.has(name)) return;
    const path = this.#names.slice(1, this.#depth + 1).join('.');
    if (!this.#wanted.has(path)) return;
    if (this.#depth === 1 && this.#values.has(path)) this.#odd(`${path} is there twice`);
    this.#taking = { path, depth: this.#depth, text: '' };
  }

  #take(bytes: Buffer): void {
    const { text = '' } = this.#taking ?? {};
    // Names and numbers of ours are ASCII; what else there is may be garbled where a chunk ends in the middle of a letter.
    if (this.#taking && text.length <= VALUE_MAX_BYTES)
      this.#taking.text = text + bytes.toString('latin1', 0, VALUE_MAX_BYTES + 1);
  }

  #took(bytes: Buffer): void {
    this.#take(bytes);
    const { path, text } = this.#taking ?? { path: '', text: '' };
    this.#taking = undefined;
    this.#values.set(path, text.length <= VALUE_MAX_BYTES ? text : '');
    this.#onValue(path, this.value(path));
  }

  #odd(problem: string): void {
    this.#problem ??= problem;
  }
}

/**
 * Takes the values of secrets out of bytes as they go by, in the forms that programs give to them: as they are, in JSON, in URLs, in Base64 wherever it
 * begins. A value gives way to as many asterisks as it has bytes, so that sizes stay what they are, and archives and tables whole.
 */
import { Transform, type TransformCallback } from 'node:stream';

/** Shorter values would tear holes into ordinary words. */
export const SECRET_MIN_LENGTH = 6;
const MASK = 0x2a;

/** Every form of the values, the longest first, each once. */
export function formsOf(secrets: readonly string[]): string[] {
  const known = secrets.filter(({ length }) => length >= SECRET_MIN_LENGTH);
  const forms = new Set(
    known.flatMap((secret) => [secret, ...inJson(secret), ...inUrl(secret), ...inBase64(secret)]),
  );
  return [...forms]
    .filter(({ length }) => length >= SECRET_MIN_LENGTH)
    .toSorted((a, b) => b.length - a.length);
}

/** As JavaScript writes it, as Python does, and as PHP does. */
function inJson(secret: string): string[] {
  const plain = JSON.stringify(secret).slice(1, -1);
  const ascii = plain.replace(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return [plain, ascii, plain.replaceAll('/', '\\/'), ascii.replaceAll('/', '\\/')];
}

function inUrl(secret: string): string[] {
  if (!secret.isWellFormed()) return [];
  const component = encodeURIComponent(secret);
  const form = new URLSearchParams({ x: secret }).toString().slice(2);
  const lower = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  return [component, form, encodeURI(secret), lower(component), lower(form)];
}

/** What of it is the same whatever stands before and after; three places where it may begin. */
function inBase64(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor((whole.length * 8) / 6);
    return [whole.toString('base64').slice(from, to), whole.toString('base64url').slice(from, to)];
  });
}

export interface Scrubber {
  /** Nothing is to be taken out. */
  isIdle: boolean;
  text(text: string): string;
  /** Passes bytes on, at most the length of the longest form behind what came. `onHit`: called where something was taken out. */
  stream(onHit?: () => void): Transform;
  /** The same for one who reads by himself. */
  chunks(bytes: AsyncIterable<Buffer>, onHit?: () => void): AsyncIterable<Buffer>;
}

export function scrubber(secrets: readonly string[]): Scrubber {
  const forms = formsOf(secrets);
  const needles = forms.map((form) => Buffer.from(form));
  return {
    isIdle: needles.length === 0,
    text: (text) => forms.reduce((clean, form) => clean.replaceAll(form, '***'), text),
    stream: (onHit = () => {}) => new Scrubbing(needles, onHit),
    chunks: (bytes, onHit = () => {}) => (needles.length === 0 ? bytes : scrubbed(bytes, needles, onHit)),
  };
}

async function* scrubbed(
  bytes: AsyncIterable<Buffer>,
  needles: readonly Buffer[],
  onHit: () => void,
): AsyncGenerator<Buffer> {
  const window = new Window(needles, onHit);
  for await (const chunk of bytes) yield* window.pass(chunk);
  yield* window.rest();
}

/** Holds back what may be the beginning of a value. */
class Window {
  readonly #needles: readonly Buffer[];
  readonly #onHit: () => void;
  readonly #overlap: number;
  /** As they came. */
  #kept: Buffer = Buffer.alloc(0);
  /** Of what is kept, the first ones that are to be taken out. */
  #masked = 0;

  constructor(needles: readonly Buffer[], onHit: () => void) {
    this.#needles = needles;
    this.#onHit = onHit;
    this.#overlap = Math.max(1, ...needles.map(({ length }) => length)) - 1;
  }

  *pass(chunk: Buffer): Generator<Buffer> {
    const all = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    const hits = this.#hits(all);
    const until = all.length - this.#beginning(all);
    const beyond = Math.max(this.#masked, ...hits.map(([, to]) => to)) - until;
    const out = masked(all.subarray(0, until), [[0, this.#masked], ...hits]);
    this.#kept = Buffer.from(all.subarray(until));
    this.#masked = Math.max(0, beyond);
    if (out.length > 0) yield out;
  }

  *rest(): Generator<Buffer> {
    const out = masked(this.#kept, [[0, this.#masked], ...this.#hits(this.#kept)]);
    this.#kept = Buffer.alloc(0);
    if (out.length > 0) yield out;
  }

  #hits(all: Buffer): [from: number, to: number][] {
    const hits: [number, number][] = [];
    for (const needle of this.#needles)
      for (let at = all.indexOf(needle); at >= 0; at = all.indexOf(needle, at + 1))
        hits.push([at, at + needle.length]);
    if (hits.length > 0) this.#onHit();
    return hits;
  }

  /** How many of the last bytes may be the beginning of a value that goes on. */
  #beginning(all: Buffer): number {
    const tail = all.subarray(Math.max(0, all.length - this.#overlap));
    return Math.max(0, ...this.#needles.map((needle) => beginningOf(needle, tail)));
  }
}

function beginningOf(needle: Buffer, tail: Buffer): number {
  const first = needle[0] ?? 0;
  for (let at = tail.indexOf(first); at >= 0; at = tail.indexOf(first, at + 1)) {
    const length = tail.length - at;
    if (length < needle.length && needle.subarray(0, length).equals(tail.subarray(at))) return length;
  }
  return 0;
}

function masked(bytes: Buffer, hits: readonly [from: number, to: number][]): Buffer {
  const within = hits.filter(([from, to]) => to > from && from < bytes.length);
  if (within.length === 0) return bytes;
  const copy = Buffer.from(bytes);
  for (const [from, to] of within) copy.fill(MASK, from, Math.min(to, copy.length));
  return copy;
}

class Scrubbing extends Transform {
  readonly #window: Window;

  constructor(needles: readonly Buffer[], onHit: () => void) {
    super();
    this.#window = new Window(needles, onHit);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (const out of this.#window.pass(chunk)) this.push(out);
    done();
  }

  override _flush(done: TransformCallback): void {
    for (const out of this.#window.rest()) this.push(out);
    done();
  }
}

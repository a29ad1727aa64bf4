/** The body of a call as it goes on: read as it goes by, and complete only once it is known to be fine, so nothing is answered before. */
import { Transform, type TransformCallback } from 'node:stream';
import { JsonPicker } from './json-picker.ts';
import type { ErrorKind } from './errors.ts';
import type { Route } from './routes.ts';
import { isWebTool, searchesByItself, webToolPlaces } from './web-tools.ts';

export const BODY_MAX_BYTES = 64 * 2 ** 20;

/** It is not passed on to its end. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused';
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Streams of Chat Completions tell of tokens only where that is asked for. */
const ASKS_USAGE = ',"stream_options":{"include_usage":true}';
const SPACE = 0x20;

/** Bytes that a body grows by: of space where nothing was to be added, so that its length is known before its contents. */
export const grownBy = ({ protocol, does }: Route): number =>
  does === 'generate' && protocol === 'openai-chat' ? ASKS_USAGE.length : 0;

export interface BodyOptions {
  route: Route;
  /** Why a model may not be called; undefined where it may. */
  problemOfModel: (model: string) => string | undefined;
  /** The provider may search and fetch for it. */
  webTools: boolean;
}

export class CallBody extends Transform {
  readonly #options: BodyOptions;
  readonly #picker: JsonPicker;
  #webTool: string | undefined;
  /** The last brace, held back. */
  #last: Buffer | undefined;
  #bytes = 0;
  #asks = false;
  #model = '';

  constructor(options: BodyOptions) {
    super();
    this.#options = options;
    const { protocol } = options.route;
    const places = options.webTools ? [] : webToolPlaces(protocol);
    this.#picker = new JsonPicker(['model', 'stream', 'stream_options', ...places], (path, value) => {
      if (places.includes(path) && isWebTool(protocol, path, value)) this.#webTool ??= path;
    });
  }

  /** So far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Known in the end. */
  get model(): string {
    return this.#model;
  }

  /** Whether the agent did not ask for the usage that comes. */
  get asksForUsage(): boolean {
    return this.#asks;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const from = this.#bytes;
    this.#bytes += chunk.length;
    if (this.#bytes > BODY_MAX_BYTES)
      return done(new BodyRefused('large', `a request has at most ${BODY_MAX_BYTES} bytes`));
    this.#picker.feed(chunk);
    const { problem, end } = this.#picker;
    if (problem !== undefined)
      return done(new BodyRefused('bad', `the request is not passed on: ${problem}`));
    const at = end - from;
    if (end < 0 || at < 0) return done(null, chunk);
    // What follows it is space, which may as well stand before.
    this.#last = chunk.subarray(at, at + 1);
    return done(null, Buffer.concat([chunk.subarray(0, at), chunk.subarray(at + 1)]));
  }

  override _flush(done: TransformCallback): void {
    const problem = this.#judge();
    if (problem !== undefined || !this.#last)
      return done(new BodyRefused('bad', problem ?? 'it does not end'));
    const more = Buffer.alloc(grownBy(this.#options.route), SPACE);
    if (this.#asks) more.write(ASKS_USAGE);
    return done(null, Buffer.concat([more, this.#last]));
  }

  #judge(): string | undefined {
    const { route, problemOfModel } = this.#options;
    if (!this.#last) return 'the request is no JSON';
    const model = route.model ?? this.#picker.value('model');
    if (typeof model !== 'string' || model === '') return 'the request names no model';
    this.#model = model;
    const options = this.#picker.value('stream_options') as { include_usage?: unknown } | undefined;
    const streams = this.#picker.value('stream') === true && options?.include_usage !== true;
    this.#asks = grownBy(route) > 0 && streams;
    return this.#problemOfTools() ?? problemOfModel(model);
  }

  #problemOfTools(): string | undefined {
    const { route, webTools } = this.#options;
    const searches = !webTools && searchesByItself(route.protocol, this.#model) ? this.#model : this.#webTool;
    return searches === undefined
      ? undefined
      : `${searches} reaches the internet, which this agent may not: leave it out`;
  }
}

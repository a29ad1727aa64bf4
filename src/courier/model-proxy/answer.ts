/** What an answer of a model says of its tokens, read as its bytes go by to the agent. */
import type { TokenCounts } from '../../crds/model-prices.ts';
import type { ModelProtocol } from '../../crds/providers.ts';
import { EventReader } from './events.ts';
import { JsonPicker } from './json-picker.ts';
import { firstOf, inputOf, isUsage, NO_TOKENS, PLACES, placesOf, tokensOf } from './usage.ts';

/** For what no usage is told of: text has four bytes a token or so. */
const BYTES_OF_TOKEN = 4;
/** What may follow the usage of a whole stream without any text: its end, and signs of life. */
const CLOSING_EVENTS = 3;

export interface AnswerRead {
  tokens: TokenCounts;
  /** What went wrong in the middle of a stream, or is in the body of an error: the provider's own word. */
  error?: string;
}

export class AnswerReader {
  readonly #protocol: ModelProtocol;
  readonly #stream: boolean;
  readonly #events: EventReader;
  readonly #whole: JsonPicker;
  /** The first that told of tokens, and the last. */
  #usages: Record<string, unknown>[] = [];
  #error: string | undefined;
  /** Events since the last that told of tokens. */
  #silent = 0;
  #bytes = 0;

  constructor(protocol: ModelProtocol, contentType = '') {
    const wanted = placesOf(protocol);
    this.#protocol = protocol;
    this.#stream = /^text\/event-stream\b/i.test(contentType);
    this.#whole = new JsonPicker(wanted);
    this.#events = new EventReader(wanted, (data) => {
      this.#silent += 1;
      this.#look(data);
    });
  }

  feed(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#stream) this.#events.feed(bytes);
    else this.#whole.feed(bytes);
  }

  /**
   * At the end, or where it was cut off. Nothing is free for being cut off before it tells its price, or for telling none: an event has at least a
   * token, and what was asked counts by its size.
   */
  read(requestBytes: number): AnswerRead {
    if (this.#stream) this.#events.end();
    else this.#look(this.#whole);
    const told = tokensOf(this.#protocol, this.#usages) ?? NO_TOKENS;
    const plain = inputOf(told) > 0 ? told.plain : Math.ceil(requestBytes / BYTES_OF_TOKEN);
    return {
      tokens: { ...told, plain, output: told.output + this.#untold() },
      ...(this.#error !== undefined && { error: this.#error }),
    };
  }

  /** Output that no usage tells of. */
  #untold(): number {
    if (this.#stream) return Math.max(0, this.#silent - CLOSING_EVENTS);
    return this.#usages.length > 0 ? 0 : Math.ceil(this.#bytes / BYTES_OF_TOKEN);
  }

  #look(data: JsonPicker): void {
    const places = PLACES[this.#protocol];
    const usage = firstOf(data, places.usage);
    if (isUsage(usage)) {
      this.#usages = [...this.#usages.slice(0, 1), usage];
      this.#silent = 0;
    }
    const error = firstOf(data, places.error);
    if (typeof error === 'string' || typeof error === 'number') this.#error = String(error).slice(0, 64);
  }
}

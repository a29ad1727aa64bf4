/** Server-sent events as their bytes go by: of each, the values that are wanted of its data. Lines may be of any length. */
import { JsonPicker } from './json-picker.ts';

const DATA = Buffer.from('data:');
const [NEWLINE, RETURN] = [0x0a, 0x0d];

export class EventReader {
  readonly #wanted: readonly string[];
  readonly #onEvent: (data: JsonPicker) => void;
  #data: JsonPicker | undefined;
  /** Bytes of the line, as far as they matter: at most one more than `DATA` has. */
  #seen = 0;
  #isData = true;

  constructor(wanted: readonly string[], onEvent: (data: JsonPicker) => void) {
    this.#wanted = wanted;
    this.#onEvent = onEvent;
  }

  feed(bytes: Buffer): void {
    let index = 0;
    while (index < bytes.length) {
      if (this.#isData && this.#seen < DATA.length) index = this.#begin(bytes, index);
      else index = this.#rest(bytes, index);
    }
  }

  /** What came of an event that was cut off counts as well. */
  end(): void {
    if (this.#data) this.#onEvent(this.#data);
    this.#data = undefined;
  }

  /** Whether the line is one of data. */
  #begin(bytes: Buffer, index: number): number {
    const byte = bytes[index];
    if (byte === NEWLINE) this.#line();
    // Before the end of a line; within data it is white space.
    else if (byte !== RETURN) {
      this.#isData = byte === DATA[this.#seen];
      this.#seen += 1;
    }
    return index + 1;
  }

  #rest(bytes: Buffer, from: number): number {
    const newline = bytes.indexOf(NEWLINE, from);
    const end = newline < 0 ? bytes.length : newline;
    if (this.#isData) (this.#data ??= new JsonPicker(this.#wanted)).feed(bytes.subarray(from, end));
    if (end < bytes.length) this.#line();
    return end + 1;
  }

  #line(): void {
    if (this.#seen === 0) this.end();
    this.#seen = 0;
    this.#isData = true;
  }
}

import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../types.ts';

/**
 * Remembers across a crash what was being worked on. What kills the process would otherwise be first in line after each restart and kill it
 * again before others have had their turn.
 */
export interface InWork {
  begin(key: string): void;
  end(key: string): void;
  /** How many processes in a row have died while they worked on this key; 0 for most. */
  deaths(key: string): number;
}

/** Remembers nothing. */
export const forgetful: InWork = { begin: () => undefined, end: () => undefined, deaths: () => 0 };

const FILE = 'in-work';
/** Bytes for each key in work: number of deaths, controller, namespace and name, and spaces. One that is longer is not noted. */
const PLACE = 512;
const NOTE = /^(?<deaths>\d{1,6}) (?<what>\S+ \S+) *$/;

/**
 * A file of places, each for one key in work. To note a key and to take it away again is one write each, where a file for each key was made and removed
 * at every pass.
 */
class Notes {
  readonly #file: number;
  readonly #places = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #suspects = new Map<string, number>();
  #count: number;

  /** Takes over what the processes before this one left. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, FILE);
    // Made where it is not there, and left as it is where it is.
    closeSync(openSync(path, 'a'));
    const left = readFileSync(path, 'latin1');
    this.#file = openSync(path, 'r+');
    this.#count = Math.ceil(left.length / PLACE);
    for (let place = 0; place < this.#count; place++)
      this.#takeOver(place, left.slice(place * PLACE, (place + 1) * PLACE));
  }

  deaths(what: string): number {
    return this.#suspects.get(what) ?? 0;
  }

  begin(what: string): void {
    const note = `${this.deaths(what)} ${what}`;
    if (note.length > PLACE) return;
    const place = this.#places.get(what) ?? this.#free.pop() ?? this.#count++;
    this.#places.set(what, place);
    writeSync(this.#file, note.padEnd(PLACE), place * PLACE, 'latin1');
  }

  end(what: string): void {
    this.#suspects.delete(what);
    const place = this.#places.get(what);
    if (place === undefined) return;
    this.#places.delete(what);
    this.#free.push(place);
    // What is behind it counts no more.
    writeSync(this.#file, ' ', place * PLACE, 'latin1');
  }

  /** A note stays where it is until its key has gone well. */
  #takeOver(place: number, text: string): void {
    const { deaths, what } = NOTE.exec(text)?.groups ?? {};
    if (what === undefined) {
      this.#free.push(place);
      return;
    }
    this.#places.set(what, place);
    this.#suspects.set(what, 1 + Number(deaths));
  }
}

/**
 * Keeps in a file in `folder` which keys are in work; a clean end takes each away. It need not reach a disk, only outlive the process, so
 * a volume of the Pod in memory will do. Where the folder cannot be written
 * nothing is remembered, and that is logged once.
 */
export function inWorkOf(folder: string, log: Log): (controller: string) => InWork {
  let notes: Notes;
  try {
    notes = new Notes(folder);
  } catch (error) {
    log.warn({ folder, err: error }, 'cannot remember what is in work');
    return () => forgetful;
  }
  return (controller) => ({
    begin: (key) => quietly(() => notes.begin(`${controller} ${key}`)),
    end: (key) => quietly(() => notes.end(`${controller} ${key}`)),
    deaths: (key) => notes.deaths(`${controller} ${key}`),
  });
}

/** A note that cannot be made must not end the work that it is about. */
function quietly(note: () => void): void {
  try {
    note();
  } catch {
    // A full volume: then this key is in its old place after a crash.
  }
}

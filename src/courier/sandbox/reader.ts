/** Whoever reads a command: how far it has come on each channel, and how far it may go. */
import { CHANNEL, WINDOW } from '../../wire/hand/protocol.ts';
import type { Exit, Reason, Started } from '../../wire/hand/protocol.ts';
import { DATA_MAX } from '../../wire/hand/frames.ts';
import type { Frame } from '../../wire/hand/frames.ts';
import type { Journal } from './journal.ts';

/** The way to a program, on one stream of its session. */
export interface ToProgram {
  /** Whatever stream the frame names, it goes on this one. */
  send: (frame: Frame) => void;
  /** The same for a frame as it came from sbd, which is the way's from then on. */
  pass: (whole: Buffer) => void;
  /** Too much is on its way already. */
  isFull: () => boolean;
  /** Nothing follows. */
  over: () => void;
}

/** From where output is wanted; missing: as far back as it is kept. */
export interface From {
  output?: number;
  error?: number;
}

export const OUTPUTS = [CHANNEL.output, CHANNEL.error] as const;
export type Output = (typeof OUTPUTS)[number];

/** What a command has written on one channel. */
export interface Written {
  journal: Journal;
  /** Nothing follows beyond. */
  total?: number;
}

/** It does not jump before its program shows that it reads again. */
const JUMP_ROOM = WINDOW / 4;

interface Cursor {
  at: number;
  limit: number;
  ended: boolean;
}

export class Reader {
  readonly observes: boolean;
  readonly #to: ToProgram;
  readonly #from: From;
  #cursors: Record<Output, Cursor> | undefined;

  constructor(to: ToProgram, { observe = false, ...from }: From & { observe?: boolean } = {}) {
    this.#to = to;
    this.#from = from;
    this.observes = observe;
  }

  /** The command has started: says from where its output comes. */
  begin(started: Started, written: Record<Output, Written>): void {
    if (this.#cursors) return;
    const cursorOn = (channel: Output, wanted?: number): Cursor => {
      const { start, head } = written[channel].journal;
      const at = Math.min(Math.max(wanted ?? start, start), head);
      return { at, limit: at + WINDOW, ended: false };
    };
    const { output, error } = this.#from;
    this.#cursors = {
      [CHANNEL.output]: cursorOn(CHANNEL.output, output),
      [CHANNEL.error]: cursorOn(CHANNEL.error, error),
    };
    const body = {
      ...started,
      output: this.#cursors[CHANNEL.output].at,
      error: this.#cursors[CHANNEL.error].at,
    };
    this.send({ type: 'started', stream: 0, body });
  }

  send(frame: Frame): void {
    this.#to.send(frame);
  }

  /** Where it is; undefined before it has begun. */
  at(channel: Output): number | undefined {
    return this.#cursors?.[channel].at;
  }

  allow(channel: Output, upTo: number): void {
    const cursor = this.#cursors?.[channel];
    if (cursor) cursor.limit = Math.max(cursor.limit, upTo);
  }

  /** Hands on what there is of a channel, as far as it may. */
  pump(channel: Output, { journal, total }: Written): void {
    const cursor = this.#cursors?.[channel];
    if (!cursor || cursor.ended) return;
    const end = (): number => Math.min(journal.head, cursor.limit);
    while (cursor.at < end() && !this.#to.isFull()) {
      if (!this.#reaches(cursor, journal.start)) return;
      const bytes = journal.read(cursor.at, Math.min(DATA_MAX, cursor.limit - cursor.at));
      this.send({ type: 'data', stream: 0, channel, offset: cursor.at, bytes });
      cursor.at += bytes.length;
    }
    if (total === undefined || cursor.at < total) return;
    cursor.ended = true;
    this.send({ type: 'eof', stream: 0, channel, total });
  }

  /** Says how the command has ended, once its output has been handed on; false where that is not so yet. */
  end(exit: Exit, written: Record<Output, Written>): boolean {
    const isThrough = (channel: Output): boolean => this.at(channel) === written[channel].journal.head;
    if (!OUTPUTS.every(isThrough)) return false;
    this.send({ type: 'exit', stream: 0, body: exit });
    this.#to.over();
    return true;
  }

  /** True where it is among what is kept. What was not read in time is gone: then it goes on from there, with as much room as it had. */
  #reaches(cursor: Cursor, start: number): boolean {
    if (cursor.at >= start) return true;
    if (this.observes && cursor.limit - cursor.at < JUMP_ROOM) return false;
    cursor.limit += start - cursor.at;
    cursor.at = start;
    return true;
  }

  fail(reason: Reason, message: string): void {
    this.send({ type: 'error', stream: 0, body: { reason, message } });
    this.#to.over();
  }
}

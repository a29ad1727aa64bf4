/** One session of a program: its link, and what is open on it. Connections come and go below. */
import { BadFrame } from '../../wire/hand/bodies.ts';
import { decodeFrame, encodeFrame, onStream } from '../../wire/hand/frames.ts';
import type { Frame } from '../../wire/hand/frames.ts';
import { REQUEST_MAX } from '../../wire/hand/protocol.ts';
import type { Reason } from '../../wire/hand/protocol.ts';
import { Link } from '../../wire/sandbox/link.ts';
import type { SessionKey } from '../../wire/sandbox/link.ts';
import { BadRequest, asUser, readRequest } from '../../wire/sandbox/requests.ts';
import type { SandboxDefaults, SandboxRequest } from '../../wire/sandbox/requests.ts';
import type { Sbd } from '../hand/sbd/client.ts';
import type { Command } from './command.ts';
import type { Commands } from './commands.ts';
import { SbdWork } from './sbd-work.ts';
import { Reader } from './reader.ts';
import type { ToProgram } from './reader.ts';

/** Beyond so much that is not acknowledged, output waits. */
const UNACKNOWLEDGED_MAX = 1024 * 1024;
/** Beyond so much, which only answers to requests can make of it, the session ends. */
const ANSWERS_MAX = 4 * UNACKNOWLEDGED_MAX;
export const SESSION_STREAMS_MAX = 1000;

export interface SessionDeps {
  hand: Pick<Sbd, 'relay'>;
  commands: Commands;
  defaults: () => SandboxDefaults;
  /** True where one more stream may be open among all sessions; counts it. */
  takeStream: () => boolean;
  giveStream: () => void;
  /** Bytes of a program's have come or gone. */
  onBytes: () => void;
}

interface Open {
  /** `whole`: the frame as it came, for whoever hands it on. */
  receive: (frame: Frame, whole: Buffer) => void;
  /** There is room again. */
  pump: () => void;
  /** The program has gone. */
  drop: () => void;
}

/** What stands for a stream until its request is carried out. */
const NOTHING: Open = { receive: () => {}, pump: () => {}, drop: () => {} };

export class Session {
  readonly key: SessionKey;
  /** Whom the broker has let in. */
  readonly caller: string;
  readonly link: Link;
  readonly #deps: SessionDeps;
  readonly #open = new Map<number, Open>();
  #parts: Buffer[] = [];
  #partsBytes = 0;

  constructor({ key, caller }: { key: SessionKey; caller: string }, deps: SessionDeps) {
    this.key = key;
    this.caller = caller;
    this.#deps = deps;
    this.link = new Link(
      { onFrame: (frame) => this.#take(frame), onRoom: () => this.#pump() },
      UNACKNOWLEDGED_MAX,
    );
  }

  get streams(): number {
    return this.#open.size;
  }

  /** Tells the program that the Sandbox ends. */
  sayStopping(): void {
    this.link.send(encodeFrame({ type: 'notice', stream: 0, body: { event: 'stopping' } }));
  }

  /** Nobody will come back for it. Commands go on. */
  end(): void {
    this.link.disconnect();
    for (const [id, open] of this.#open) {
      this.#forget(id);
      open.drop();
    }
  }

  #pump(): void {
    for (const open of this.#open.values()) open.pump();
  }

  /** Throws BadFrame. */
  #take(bytes: Buffer): void {
    const frame = decodeFrame(bytes);
    if (!frame || frame.stream === 0) return;
    if (this.link.unacknowledged > ANSWERS_MAX)
      throw new BadFrame('more answers wait to be taken than there may be');
    this.#deps.onBytes();
    if (frame.type === 'open' || frame.type === 'openPart') return this.#takeOpening(frame);
    const open = this.#open.get(frame.stream);
    if (!open) return;
    if (frame.type === 'close') this.#forget(frame.stream);
    open.receive(frame, bytes);
  }

  #takeOpening({ type, stream, bytes }: Extract<Frame, { type: 'open' | 'openPart' }>): void {
    this.#parts.push(Buffer.from(bytes));
    this.#partsBytes += bytes.length;
    if (this.#partsBytes > REQUEST_MAX) throw new BadFrame(`a request is longer than ${REQUEST_MAX} bytes`);
    if (type === 'openPart') return;
    const request = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partsBytes = 0;
    this.#begin(stream, request);
  }

  #begin(stream: number, bytes: Buffer): void {
    if (this.#open.has(stream)) throw new BadFrame(`stream ${stream} is open already`);
    if (this.#open.size >= SESSION_STREAMS_MAX || !this.#deps.takeStream())
      return this.#refuse(stream, 'TooManyStreams', 'there are as many streams as there may be');
    this.#open.set(stream, NOTHING);
    try {
      const opened = this.#opened(stream, readRequest(bytes));
      // It may be over already.
      if (this.#open.has(stream)) this.#open.set(stream, opened);
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      this.#refuse(stream, 'BadRequest', error.message);
      this.#forget(stream);
    }
  }

  #opened(stream: number, request: SandboxRequest): Open {
    const to = this.#way(stream);
    const { commands, defaults } = this.#deps;
    switch (request.op) {
      case 'run': {
        const reader = new Reader(to);
        return reading(reader, commands.start(request, defaults(), reader));
      }
      case 'attach': {
        const { op: _, id, ...from } = request;
        const reader = new Reader(to, from);
        const command = commands.find(id);
        if (command) command.attach(reader);
        else reader.fail('CommandMissing', `there is no command ${id}`);
        return reading(reader, command);
      }
      case 'commands':
        to.send({ type: 'result', stream, body: { commands: commands.list() } });
        to.over();
        return NOTHING;
      case 'end':
        return this.#ending(request, to);
      default:
        return new SbdWork(asUser(request, defaults()), to, this.#deps.hand);
    }
  }

  #ending(request: Extract<SandboxRequest, { op: 'end' }>, to: ToProgram): Open {
    const command = this.#deps.commands.find(request.id);
    if (command?.isRunning) return new SbdWork(request, to, this.#deps.hand);
    if (command) to.send({ type: 'result', stream: 0, body: { left: 0 } });
    else {
      const message = `there is no command ${request.id}`;
      to.send({ type: 'error', stream: 0, body: { reason: 'CommandMissing', message } });
    }
    to.over();
    return NOTHING;
  }

  #way(stream: number): ToProgram {
    return {
      send: (frame) => {
        if (!this.#open.has(stream)) return;
        this.#deps.onBytes();
        this.link.send(encodeFrame({ ...frame, stream }));
      },
      pass: (whole) => {
        if (!this.#open.has(stream)) return;
        this.#deps.onBytes();
        this.link.send(onStream(whole, stream));
      },
      isFull: () => this.link.isFull(),
      over: () => this.#forget(stream),
    };
  }

  #refuse(stream: number, reason: Reason, message: string): void {
    this.link.send(encodeFrame({ type: 'error', stream, body: { reason, message } }));
  }

  #forget(stream: number): void {
    if (this.#open.delete(stream)) this.#deps.giveStream();
  }
}

const reading = (reader: Reader, command: Command | undefined): Open =>
  command
    ? {
        receive: (frame) => command.receive(reader, frame),
        pump: () => command.pump(),
        drop: () => command.detach(reader),
      }
    : NOTHING;

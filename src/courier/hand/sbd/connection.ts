/** One proven connection to sbd, and the streams on it. */
import type { Socket } from 'node:net';
import { encodeFrame, onStream, openFrames } from '../../../wire/hand/frames.ts';
import type { Frame } from '../../../wire/hand/frames.ts';
import { release } from '../../../wire/hand/release.ts';
import { STREAMS_MAX } from '../../../wire/hand/protocol.ts';
import type { Request } from '../../../wire/hand/protocol.ts';
import type { Proven } from './listener.ts';
import { HandLost, HandStream, Refused } from '../../../hand/stream.ts';

const PING_MS = 15_000;
/** A connection over which nothing came for so long is dead. */
const SILENCE_MS = 40_000;

/** Takes what comes on one stream. */
export interface StreamEnd {
  /** True when nothing follows. `whole`: the frame as it came, for whoever hands it on; it is the receiver's own. */
  receive: (frame: Frame, whole: Buffer) => boolean;
  /** Nothing follows because the connection has ended. */
  fail: (error: Error) => void;
}

/** A stream whose frames somebody else understands. Once it has ended, nothing is sent. */
export interface Relay {
  /** Whatever stream the frame names, it goes on this one. */
  send: (frame: Frame) => void;
  /** The same for a frame as it came, which is the relay's from then on. */
  pass: (whole: Buffer) => void;
  /** Without a word to its end. */
  close: () => void;
}

interface ConnectionEvents {
  onStopping: () => void;
  onBroken: (what: string) => void;
  onClose: () => void;
}

export class Connection {
  readonly #socket: Socket;
  readonly #streams = new Map<number, StreamEnd>();
  readonly #events: ConnectionEvents;
  readonly #pinging: NodeJS.Timeout;
  #nextId = 0;
  #heard = performance.now();
  #over: Error | undefined;

  constructor({ socket, read }: Proven, events: ConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.once('close', () => this.#end(new HandLost('the connection to the task container was lost')));
    this.#pinging = setInterval(() => this.#ping(), PING_MS).unref();
    read(
      (frame, whole) => this.#receive(frame, whole),
      (error) => this.#break(error.message),
    );
  }

  open(request: Request, wanted?: { output: number; error: number }): HandStream {
    const id = this.#newId();
    const stream = new HandStream(id, (frame) => this.send(frame), wanted);
    this.#begin(id, request, stream);
    return stream;
  }

  /** Opens a stream whose frames go to `end` as they are. */
  relay(request: Request, end: StreamEnd): Relay {
    const id = this.#newId();
    this.#begin(id, request, end);
    return {
      send: (frame) => {
        if (this.#streams.has(id)) this.send({ ...frame, stream: id });
      },
      pass: (whole) => {
        if (this.#streams.has(id)) this.#write(onStream(whole, id));
      },
      close: () => {
        this.#streams.delete(id);
        this.send({ type: 'close', stream: id });
      },
    };
  }

  #newId(): number {
    if (this.#streams.size >= STREAMS_MAX)
      throw new Refused({ reason: 'TooManyStreams', message: `${STREAMS_MAX} streams are open` });
    this.#nextId += 1;
    return this.#nextId;
  }

  #begin(id: number, request: Request, end: StreamEnd): void {
    for (const frame of openFrames(id, request)) this.send(frame);
    if (this.#over) end.fail(this.#over);
    else this.#streams.set(id, end);
  }

  closeStream(stream: HandStream): void {
    this.#streams.delete(stream.id);
    this.send({ type: 'close', stream: stream.id });
    stream.fail(new Refused({ reason: 'Cancelled', message: 'the stream was closed' }));
  }

  send(frame: Frame): void {
    this.#write(encodeFrame(frame));
  }

  /** Its bytes are nobody else's. */
  #write(frame: Buffer): void {
    if (!this.#over) this.#socket.write(frame, () => release(frame));
  }

  destroy(error: Error): void {
    this.#end(error);
    this.#socket.destroy();
  }

  #receive(frame: Frame, whole: Buffer): void {
    this.#heard = performance.now();
    if (frame.stream !== 0) {
      const stream = this.#streams.get(frame.stream);
      if (stream?.receive(frame, whole)) this.#streams.delete(frame.stream);
    } else if (frame.type === 'notice') this.#events.onStopping();
    else if (frame.type === 'ping') this.send({ type: 'pong', stream: 0, bytes: frame.bytes });
    else if (frame.type === 'error') this.#break(frame.body.message);
  }

  #break(what: string): void {
    this.#events.onBroken(what);
    this.destroy(new HandLost(`the connection to the task container broke: ${what}`));
  }

  #ping(): void {
    if (performance.now() - this.#heard > SILENCE_MS)
      return this.#break(`nothing was heard for ${SILENCE_MS / 1000} s`);
    this.send({ type: 'ping', stream: 0, bytes: Buffer.alloc(0) });
  }

  #end(error: Error): void {
    if (this.#over) return;
    this.#over = error;
    clearInterval(this.#pinging);
    for (const stream of this.#streams.values()) stream.fail(error);
    this.#streams.clear();
    this.#events.onClose();
  }
}

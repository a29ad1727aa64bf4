/** One proven connection to sbd, and the streams on it. */
import type { Socket } from 'node:net';
import { encodeFrame, openFrames } from '../../../wire/hand/frames.ts';
import type { Frame } from '../../../wire/hand/frames.ts';
import { STREAMS_MAX } from '../../../wire/hand/protocol.ts';
import type { Request } from '../../../wire/hand/protocol.ts';
import type { Proven } from './listener.ts';
import { HandLost, HandStream, Refused } from '../../../hand/stream.ts';

const PING_MS = 15_000;
/** A connection over which nothing came for so long is dead. */
const SILENCE_MS = 40_000;

interface ConnectionEvents {
  onStopping: () => void;
  onBroken: (what: string) => void;
  onClose: () => void;
}

export class Connection {
  readonly #socket: Socket;
  readonly #streams = new Map<number, HandStream>();
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
      (frame) => this.#receive(frame),
      (error) => this.#break(error.message),
    );
  }

  open(request: Request, wanted?: { output: number; error: number }): HandStream {
    if (this.#streams.size >= STREAMS_MAX)
      throw new Refused({ reason: 'TooManyStreams', message: `${STREAMS_MAX} streams are open` });
    this.#nextId += 1;
    const stream = new HandStream(this.#nextId, (frame) => this.send(frame), wanted);
    for (const frame of openFrames(stream.id, request)) this.send(frame);
    if (this.#over) stream.fail(this.#over);
    else this.#streams.set(stream.id, stream);
    return stream;
  }

  closeStream(stream: HandStream): void {
    this.#streams.delete(stream.id);
    this.send({ type: 'close', stream: stream.id });
    stream.fail(new Refused({ reason: 'Cancelled', message: 'the stream was closed' }));
  }

  send(frame: Frame): void {
    if (!this.#over) this.#socket.write(encodeFrame(frame));
  }

  destroy(error: Error): void {
    this.#end(error);
    this.#socket.destroy();
  }

  #receive(frame: Frame): void {
    this.#heard = performance.now();
    if (frame.stream !== 0) {
      const stream = this.#streams.get(frame.stream);
      if (stream?.receive(frame)) this.#streams.delete(frame.stream);
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

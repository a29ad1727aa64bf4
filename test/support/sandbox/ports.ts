/** Connections of a courier in a test: to ports of this machine, answered as sbd does. */
import { connect, type Socket } from 'node:net';
import type { Frame } from '../../../src/wire/hand/frames.ts';
import { DATA_MAX } from '../../../src/wire/hand/frames.ts';
import { CHANNEL, STDIN_WINDOW, WINDOW } from '../../../src/wire/hand/protocol.ts';
import type { PeerStream } from './commands.ts';

export class PeerConnection {
  readonly #stream: PeerStream;
  readonly #socket: Socket;
  #taken = 0;
  #sent = 0;
  #granted = WINDOW;
  #waiting = Buffer.alloc(0);
  #isOpen = false;

  constructor(port: number, stream: PeerStream) {
    this.#stream = stream;
    this.#socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const id = stream.id;
    this.#socket.once('connect', () => {
      this.#isOpen = true;
      stream.send({ type: 'connected', stream: id });
    });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#waiting = Buffer.concat([this.#waiting, chunk]);
      this.#flow();
    });
    this.#socket.once('error', ({ message }) => {
      const reason = this.#isOpen ? 'ConnectionReset' : 'ConnectionRefused';
      stream.send({ type: 'error', stream: id, body: { reason, message } });
    });
    this.#socket.once('end', () =>
      stream.send({ type: 'eof', stream: id, channel: CHANNEL.output, total: this.#sent }),
    );
    this.#socket.once('close', () => stream.send({ type: 'result', stream: id, body: {} }));
  }

  receive(frame: Frame): void {
    if (frame.type === 'data') this.#write(frame.bytes);
    else if (frame.type === 'eof') this.#socket.end();
    else if (frame.type === 'credit') {
      this.#granted = Math.max(this.#granted, frame.upTo);
      this.#flow();
    }
  }

  /** As sbd does: nobody takes a part for the whole. */
  drop(): void {
    this.#socket.resetAndDestroy();
  }

  #write(bytes: Uint8Array): void {
    this.#socket.write(bytes, () => {
      this.#taken += bytes.length;
      const upTo = this.#taken + STDIN_WINDOW;
      this.#stream.send({ type: 'credit', stream: this.#stream.id, channel: CHANNEL.input, upTo });
    });
  }

  /** As far as there is credit; then it reads no more. */
  #flow(): void {
    for (let room = this.#granted - this.#sent; room > 0 && this.#waiting.length > 0;) {
      const bytes = this.#waiting.subarray(0, Math.min(room, DATA_MAX));
      const { id } = this.#stream;
      this.#stream.send({ type: 'data', stream: id, channel: CHANNEL.output, offset: this.#sent, bytes });
      this.#waiting = this.#waiting.subarray(bytes.length);
      this.#sent += bytes.length;
      room -= bytes.length;
    }
    if (this.#waiting.length > 0) this.#socket.pause();
    else this.#socket.resume();
  }
}

/** A connection to a port of a Sandbox's own localhost, as a stream. */
import { Duplex } from 'node:stream';
import { HandLost, Refused, type HandStream } from '../../../hand/stream.ts';
import { SessionGone, type Connection } from '../connection/connection.ts';
import { SandboxLost } from '../errors.ts';
import { untilAborted, type FilesPlace } from '../files/files.ts';
import { asSandboxError } from '../refusals.ts';
import type { ConnectOptions } from '../types.ts';

const WATERMARK = 64 * 1024;
/** No more is handed to the link at a time, however much is written at once. */
const PART = 256 * 1024;

/** Resolves when whoever listens there has taken it. Rejects with a SandboxError. */
export async function connectTo(
  place: FilesPlace,
  port: number,
  { user, signal }: ConnectOptions = {},
): Promise<Duplex> {
  signal?.throwIfAborted();
  const { sandbox, connection } = place;
  const as = user === undefined ? {} : { user };
  try {
    const stream = connection.open({ op: 'connect', port, ...as });
    await untilAborted(place, { stream, signal }, stream.connected);
    return new PortConnection({ sandbox, port, connection, stream });
  } catch (error) {
    signal?.throwIfAborted();
    throw asSandboxError(error, { sandbox, what: `connect to port ${port}` });
  }
}

interface PortPlace extends FilesPlace {
  port: number;
  stream: HandStream;
}

/** Each half ends by itself. What is cut anywhere on the way is destroyed with an error: a part is never taken for the whole. */
class PortConnection extends Duplex {
  readonly #place: PortPlace;
  readonly #connection: Connection;
  readonly #stream: HandStream;
  #isSent = false;
  #isReceived = false;

  constructor(place: PortPlace) {
    super({ readableHighWaterMark: WATERMARK, writableHighWaterMark: WATERMARK });
    this.#place = place;
    this.#connection = place.connection;
    this.#stream = place.stream;
    const { output, ended } = this.#stream;
    output.on('data', (chunk: Buffer) => void (this.push(chunk) || output.pause()));
    output.once('end', () => {
      this.#isReceived = true;
      this.push(null);
    });
    ended.catch((error: unknown) => this.destroy(this.#meant(error)));
    output.once('error', (error) => this.destroy(this.#meant(error)));
  }

  override _read(): void {
    this.#stream.output.resume();
  }

  /** Once whoever listens reads no more, it goes nowhere; what they still say may come. */
  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stream.input.end();
    this.#isSent = true;
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // Where both halves have ended, what was sent may still be on its way: its stream ends by itself.
    if (error || !this.#isSent || !this.#isReceived) this.#connection.closeStream(this.#stream);
    done(error);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PART) {
      await this.#connection.room();
      if (!(await this.#stream.input.write(bytes.subarray(at, at + PART)))) return;
    }
  }

  #meant(error: unknown): Error {
    const { sandbox, port } = this.#place;
    // The courier was started again, or has waited too long: no one goes on with half of a connection.
    if (error instanceof SessionGone || error instanceof HandLost)
      return new SandboxLost(sandbox, `the connection to port ${port} was cut: ${error.message}`, error);
    if (error instanceof Refused && error.reason === 'Cancelled') return error;
    return asSandboxError(error, { sandbox, what: `keep the connection to port ${port}` });
  }
}

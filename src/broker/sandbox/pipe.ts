/** A program's WebSocket and the connection to a courier joined: bytes pass both ways, as they come. No more is held than what is on its way. */
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { RawData, WebSocket } from 'ws';
import type { Cancel, Clock } from '../../async/clock.ts';
import { release } from '../../wire/hand/release.ts';
import { hasPassed } from '../passed.ts';
import { CLOSINGS, type ClosingReason } from '../../wire/sandbox/closings.ts';

export interface PipeTimes {
  /** How often a program is asked for a sign of life, and the Sandbox looked at. */
  pingMs: number;
  /** Either end is lost after such a silence. */
  silenceMs: number;
  /** How long an end may take to say goodbye. */
  closeMs: number;
}

export interface PipeEnds {
  client: WebSocket;
  /** Beneath the WebSocket. */
  socket: Duplex;
  courier: TLSSocket;
}

export interface PipeOptions {
  clock: Clock;
  times: PipeTimes;
  /** When the session ends, epoch milliseconds. */
  expiresMs: number;
  /** Whether the Sandbox has nothing left to reach. */
  isEnded: () => boolean;
}

/** How a pipe ended: for a reason of the broker's, or because the program left. */
export type PipeEnd = ClosingReason | 'Left';

/** What waits for a program that does not read: beyond it the courier's connection is not read either. */
const HELD_MAX = 256 * 1024;
const HELD_LOW = 64 * 1024;

/** Whatever else it says before. */
const whenClosed = (end: EventEmitter): Promise<void> => new Promise((resolve) => end.once('close', resolve));

type End = 'client' | 'courier';
/** What is over where an end says nothing for too long. */
const LOST = { client: 'Silent', courier: 'CourierLost' } as const satisfies Record<End, ClosingReason>;

export class Pipe {
  readonly #ends: PipeEnds;
  readonly #options: PipeOptions;
  readonly #timers = new Map<string, Cancel>();
  /** When each end was heard last. */
  readonly #heard: Record<End, number>;
  /** Ends that are not read, because the other one takes nothing. */
  readonly #held = new Set<End>();
  readonly #closed: Promise<unknown>;
  #end: PipeEnd | undefined;
  #sent = 0;
  #received = 0;

  constructor(ends: PipeEnds, options: PipeOptions) {
    this.#ends = ends;
    this.#options = options;
    const now = options.clock.monotonic();
    this.#heard = { client: now, courier: now };
    const { client, courier } = ends;
    this.#closed = Promise.all([
      client.readyState === client.CLOSED || whenClosed(client),
      courier.closed || whenClosed(courier),
    ]);
    this.#joinClient();
    this.#joinCourier();
    this.#watch('client');
    this.#watch('courier');
    this.#after('ping', options.times.pingMs, () => this.#ping());
    this.#after('expiry', options.expiresMs - options.clock.now(), () => this.close('TokenExpired'));
  }

  /** Payload that the program has sent and received so far. */
  get bytes(): { sent: number; received: number } {
    return { sent: this.#sent, received: this.#received };
  }

  /** Resolves why it ended, once both connections are closed. */
  async over(): Promise<PipeEnd> {
    await this.#closed;
    this.#cancelAll();
    return this.#end ?? 'Left';
  }

  /** Tells the program why; what is on its way to it still gets there, if it reads. */
  close(reason: PipeEnd): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#cancelAll();
    this.#after('close', this.#options.times.closeMs, () => this.destroy());
    const { client, courier } = this.#ends;
    courier.destroySoon();
    if (reason !== 'Left') client.close(CLOSINGS[reason].code, reason);
    // Its answer is read, whoever takes nothing.
    client.resume();
  }

  /** Ends both connections at once. */
  destroy(): void {
    this.#end ??= 'Left';
    this.#ends.client.terminate();
    this.#ends.courier.destroy();
  }

  #joinClient(): void {
    const { client, socket, courier } = this.#ends;
    client.on('message', (data: RawData, isBinary: boolean) => {
      if (this.#end !== undefined) return;
      if (!isBinary) return this.close('NotBinary');
      const bytes = data as Buffer;
      this.#sent += bytes.length;
      hasPassed(bytes.length);
      if (!courier.write(bytes, () => release(bytes))) this.#hold('client', client);
    });
    courier.on('drain', () => this.#release('client', client));
    socket.on('data', () => (this.#heard.client = this.#options.clock.monotonic()));
    // `ws` has answered with the close code for what it did not understand.
    client.on('error', () => undefined);
    client.once('close', () => this.close('Left'));
  }

  #joinCourier(): void {
    const { client, courier } = this.#ends;
    const onSent = (): void => {
      if (client.bufferedAmount <= HELD_LOW) this.#release('courier', courier);
    };
    courier.on('data', (bytes: Buffer) => {
      this.#heard.courier = this.#options.clock.monotonic();
      if (this.#end !== undefined) return;
      this.#received += bytes.length;
      hasPassed(bytes.length);
      client.send(bytes, onSent);
      if (client.bufferedAmount > HELD_MAX) this.#hold('courier', courier);
    });
    const lost = (): void => this.close(this.#options.isEnded() ? 'SandboxEnded' : 'CourierLost');
    courier.once('end', lost);
    courier.once('close', lost);
    if (courier.destroyed) lost();
  }

  #hold(end: End, from: { pause: () => void }): void {
    if (this.#held.has(end)) return;
    this.#held.add(end);
    from.pause();
    // A program that takes nothing is silent; a courier may be busy with what it says itself.
    if (end === 'client')
      this.#after('stuck', this.#options.times.silenceMs, () => this.close('CourierLost'));
  }

  #release(end: End, from: { resume: () => void }): void {
    if (this.#end !== undefined || !this.#held.delete(end)) return;
    if (end === 'client') this.#cancel('stuck');
    this.#heard[end] = this.#options.clock.monotonic();
    from.resume();
    this.#watch(end);
  }

  /** Looks again when the end could have been silent for too long. One that is not read says nothing that is heard. */
  #watch(end: End): void {
    const { clock, times } = this.#options;
    const silentMs = this.#held.has(end) ? 0 : clock.monotonic() - this.#heard[end];
    if (silentMs >= times.silenceMs) this.close(LOST[end]);
    else this.#after(end, times.silenceMs - silentMs, () => this.#watch(end));
  }

  #ping(): void {
    if (this.#options.isEnded()) return this.close('SandboxEnded');
    this.#ends.client.ping();
    this.#after('ping', this.#options.times.pingMs, () => this.#ping());
  }

  #after(name: string, ms: number, run: () => void): void {
    this.#cancel(name);
    this.#timers.set(name, this.#options.clock.after(Math.max(ms, 0), run));
  }

  #cancel(name: string): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }

  #cancelAll(): void {
    for (const name of this.#timers.keys()) this.#cancel(name);
  }
}

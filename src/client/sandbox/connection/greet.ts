/** The greeting with which a connection begins, and the frames after it. */
import { release } from '../../../wire/hand/release.ts';
import { frameCutter, greeting, LINK_TYPES, LINK_VERSION, readGreeting } from '../../../wire/sandbox/link.ts';
import type { LinkHello, LinkRefused, LinkWelcome } from '../../../wire/sandbox/link.ts';
import type { Closed, Socket } from './socket.ts';

/** The courier says no. */
export class GreetingRefused extends Error {
  override readonly name = 'GreetingRefused';
  readonly reason: LinkRefused['reason'];

  constructor({ reason, message }: LinkRefused) {
    super(message);
    this.reason = reason;
  }
}

/** The connection is over; `after` says what to do. */
export class ConnectionClosed extends Error {
  override readonly name = 'ConnectionClosed';
  readonly after: Closed['after'];

  constructor({ why, after }: Closed) {
    super(why);
    this.after = after;
  }
}

const GREETING_MS = 15_000;
const NO_GREETING: Closed = { after: 'retry', why: 'the Sandbox did not greet' };

export interface Greeted {
  welcome: LinkWelcome;
  /** Hands over every frame from here on. Resolves when the connection is over, to what ended it: ConnectionClosed, or BadFrame. */
  follow(onFrame: (frame: Buffer) => void): Promise<Error>;
  /** Nothing is handed over any more. */
  ignore(): void;
  /** When something was heard last, by `performance.now()`. */
  heard(): number;
}

/** Greets the courier. Rejects with GreetingRefused, ConnectionClosed or BadFrame; then the connection is closed. */
export async function greet(
  socket: Socket,
  hello: Omit<LinkHello, 'major' | 'minor'>,
  signal: AbortSignal,
): Promise<Greeted> {
  const first = Promise.withResolvers<LinkWelcome>();
  const over = Promise.withResolvers<Error>();
  const early: Buffer[] = [];
  let heard = performance.now();
  let welcomed = false;
  let onFrame = (frame: Buffer): void => void early.push(frame);
  const take = (frame: Buffer): void => {
    if (welcomed) return onFrame(frame);
    if (frame.readUInt8(4) === LINK_TYPES.refused) throw new GreetingRefused(readGreeting('refused', frame));
    welcomed = true;
    first.resolve(readGreeting('welcome', frame));
  };
  const end = (error: Error): void => {
    socket.close();
    first.reject(error);
    over.resolve(error);
  };
  const cut = frameCutter(take);
  socket.listen({
    onBytes(chunk) {
      heard = performance.now();
      try {
        cut(chunk);
        release(chunk);
      } catch (error) {
        end(error as Error);
      }
    },
    onClosed: (closed) => end(new ConnectionClosed(closed)),
  });
  socket.send(greeting('hello', { ...LINK_VERSION, ...hello }));
  const giveUp = (): void => end(signal.reason as Error);
  signal.addEventListener('abort', giveUp, { once: true });
  const late = setTimeout(() => end(new ConnectionClosed(NO_GREETING)), GREETING_MS);
  const welcome = await first.promise.finally(() => {
    clearTimeout(late);
    signal.removeEventListener('abort', giveUp);
  });
  return {
    welcome,
    heard: () => heard,
    ignore: () => void (onFrame = () => {}),
    follow(listener) {
      onFrame = listener;
      try {
        for (const frame of early.splice(0)) listener(frame);
      } catch (error) {
        end(error as Error);
      }
      return over.promise;
    },
  };
}

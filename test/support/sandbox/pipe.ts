/** A connection in memory that may break at any byte. */
import type { AfterClosing } from '../../../src/wire/sandbox/closings.ts';
import type { Socket, SocketEvents } from '../../../src/client/sandbox/connection/socket.ts';

/** The courier's end. */
export interface FarEnd {
  onBytes: (chunk: Buffer) => void;
  onClosed: () => void;
  send(frame: Buffer): void;
  /** Ends it as the broker does. */
  close(after: AfterClosing): void;
}

export interface PipeOptions {
  expiresAt: number;
  /** It breaks after so many bytes from either end, within a frame or between two. */
  breaksAfter?: number;
}

/** Both ends of a connection; bytes arrive in order, later. */
export function pipe({ expiresAt, breaksAfter = Infinity }: PipeOptions): { near: Socket; far: FarEnd } {
  let left = breaksAfter;
  let isOpen = true;
  let events: SocketEvents | undefined;
  const early: (() => void)[] = [];
  const toNear = (call: (to: SocketEvents) => void): void => {
    const deliver = (): void => {
      if (events) call(events);
      else early.push(deliver);
    };
    setImmediate(deliver);
  };
  const end = (after: AfterClosing): void => {
    if (!isOpen) return;
    isOpen = false;
    toNear((to) => to.onClosed({ after, why: 'the connection broke' }));
    setImmediate(() => far.onClosed());
  };
  const through = (frame: Buffer, deliver: (bytes: Buffer) => void): void => {
    if (!isOpen) return;
    const bytes = Buffer.from(frame.subarray(0, left));
    left -= bytes.length;
    deliver(bytes);
    if (left <= 0) end('retry');
  };
  const far: FarEnd = {
    onBytes: () => {},
    onClosed: () => {},
    send: (frame) => through(frame, (bytes) => toNear((to) => to.onBytes(bytes))),
    close: end,
  };
  const near: Socket = {
    expiresAt,
    listen(listener) {
      events = listener;
      for (const deliver of early.splice(0)) deliver();
    },
    send: (frame) => through(frame, (bytes) => setImmediate(() => far.onBytes(bytes))),
    close: () => end('retry'),
  };
  return { near, far };
}

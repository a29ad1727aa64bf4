/** A connection to the courier of a Sandbox as its link uses it, whatever leads there. */
import type { AfterClosing } from '../../../wire/sandbox/closings.ts';

/** Why a connection is over. */
export interface Closed {
  after: AfterClosing;
  why: string;
}

export interface SocketEvents {
  onBytes(chunk: Buffer): void;
  /** Once; nothing follows. */
  onClosed(closed: Closed): void;
}

/** Whole frames go in, bytes in any pieces come out. */
export interface Socket {
  /** Hands over what has arrived and will; called once. */
  listen(events: SocketEvents): void;
  send(frame: Buffer): void;
  close(): void;
  /** When its session token expires: milliseconds since the epoch. */
  expiresAt: number;
}

/**
 * Opens a connection. Rejects with a SandboxError for what does not pass by itself, with anything else for what may. `after`: how the last one
 * ended; a new session token is asked for after `look`.
 */
export type Connect = (signal: AbortSignal, after?: AfterClosing) => Promise<Socket>;

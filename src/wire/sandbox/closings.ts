/** Why the broker closes a program's WebSocket: close code and reason (RFC 6455 §7.4.2), and what the program does then. Everything refused before the upgrade is an HTTP answer. */

/**
 * - `reconnect`: at once, with a new session token where the old one is about to expire; the link goes on.
 * - `retry`: after a pause that grows; the link goes on.
 * - `look`: ask for a new session token, whose refusal says what became of the Sandbox.
 */
export type AfterClosing = 'reconnect' | 'retry' | 'look';

interface Closing {
  code: number;
  after: AfterClosing;
  /** What it means, for people. */
  means: string;
}

/** The reason text of a close frame is the name here. */
export const CLOSINGS = {
  ServiceRestart: {
    code: 1012,
    after: 'reconnect',
    means: 'this replica of the broker ends; another takes over',
  },
  TokenExpired: { code: 4001, after: 'reconnect', means: 'the session token has expired; ask for a new one' },
  SandboxEnded: {
    code: 4002,
    after: 'look',
    means: 'the Sandbox was deleted or suspended, or its Pod has ended or is another one',
  },
  CourierLost: {
    code: 4003,
    after: 'retry',
    means: 'the connection to the Sandbox’s Pod broke or was closed',
  },
  Silent: { code: 4004, after: 'reconnect', means: 'nothing was heard from this program for 40 s' },
  NotBinary: { code: 4005, after: 'look', means: 'a message was text; only binary messages are taken' },
} as const satisfies Record<string, Closing>;
export type ClosingReason = keyof typeof CLOSINGS;

/** The broker's reason behind a close code; undefined for codes that are not the broker's own: a connection that broke (1006) is tried again. */
export const closingOf = (code: number): ClosingReason | undefined =>
  (Object.keys(CLOSINGS) as ClosingReason[]).find((reason) => CLOSINGS[reason].code === code);

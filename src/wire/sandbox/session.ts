/** What programs ask the broker for a Sandbox's session, and what it answers. */

/** Body of `POST …/session`, at most `SESSION_BODY_MAX` bytes. */
export interface SessionRequest {
  /** The caller's Kubernetes token. Missing: the client certificate of this TLS connection says who calls. */
  token?: string;
}
export const SESSION_BODY_MAX = 20 * 1024;
/** Longest token that is looked at, in bytes. */
export const CALLER_TOKEN_MAX = 16 * 1024;

/** Answer of `POST …/session`. */
export interface SessionAnswer {
  /** For the subprotocol of `connect`; good for this Sandbox and caller alone. */
  token: string;
  /** RFC 3339, UTC. */
  expiresAt: string;
  /** Of the Sandbox. */
  uid: string;
}

/** Body of every answer of 400 and above on these routes. */
export interface SandboxRefusal {
  /** One sentence that says what to do. */
  error: string;
  /** A word for programs, such as `NotReady`, `NoSuchSandbox`, `NotAllowed`. */
  reason: string;
  /** With `NotReady` (409): the Sandbox's condition Ready, once it has one. */
  ready?: { reason: string; message: string };
}

/** Paths, ports and words that programs, broker and courier share about Sandboxes. */

/** The courier in a Sandbox's Pod listens here, for the broker alone. */
export const SANDBOX_PORT = 8443;

/** Routes of the broker for the courier, which proves its Pod by its token. */
export const SANDBOX_ROUTES = { assignment: '/v1/sandbox', certificate: '/v1/sandbox/certificate' } as const;

/** Routes of the broker for people and programs. */
export const sandboxPath = (
  { namespace, name }: { namespace: string; name: string },
  what: 'session' | 'connect',
) => `/v1/namespaces/${encodeURIComponent(namespace)}/sandboxes/${encodeURIComponent(name)}/${what}`;

/** WebSocket subprotocols of `connect`: the broker chooses the first; the second carries the session token, which no URL may. */
export const SUBPROTOCOL = 'sb.v1';
export const TOKEN_SUBPROTOCOL = 'sb.token.';

/** Audience of a ServiceAccount's projected token with which a program asks for a session. */
export const SANDBOX_AUDIENCE = 'sb-sandbox';
/** How long a session token is good for. The broker ends a connection with its token; the client comes back with a new one. */
export const SESSION_SECONDS = 600;

/** How the courier of a Sandbox's Pod is called in its certificate. */
export const courierName = ({ sandboxUid, podUid }: { sandboxUid: string; podUid: string }): string =>
  `${sandboxUid}.${podUid}.sandbox.sb.abundant.ai`;

/** Either side says something at least this often, and gives a connection up after such a silence. */
export const PING_MS = 15_000;
export const SILENCE_MS = 40_000;

/** Without a connection, a session and what it holds back is kept so long. Commands outlive it. */
export const SESSION_KEPT_MS = 5 * 60_000;

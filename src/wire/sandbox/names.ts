/** Paths, ports and words that programs, broker and courier share about Sandboxes, and about Trials that somebody enters as one. */

/** Kinds whose containers can be entered, as they are called in paths and in RBAC. */
export const ENTERED = ['sandboxes', 'trials'] as const;
export type Entered = (typeof ENTERED)[number];

/** What a program enters. `resource` is missing for a Sandbox. */
export interface EnteredKey {
  resource?: Entered | undefined;
  namespace: string;
  name: string;
}

/** The courier in a Sandbox's Pod listens here, for the broker alone. */
export const SANDBOX_PORT = 8443;
/** The courier of a Trial, likewise: tasks may well listen on the other one. Below the ports that the kernel gives to connections. */
export const TRIAL_ENTRY_PORT = 28_173;

/** Routes of the broker for the courier, which proves its Pod by its token. */
export const SANDBOX_ROUTES = { assignment: '/v1/sandbox', certificate: '/v1/sandbox/certificate' } as const;
export const TRIAL_CERTIFICATE_ROUTE = '/v1/trial/certificate';

/** Routes of the broker for people and programs. */
export const sandboxPath = (
  { resource = 'sandboxes', namespace, name }: EnteredKey,
  what: 'session' | 'connect',
) => `/v1/namespaces/${encodeURIComponent(namespace)}/${resource}/${encodeURIComponent(name)}/${what}`;

/** WebSocket subprotocols of `connect`: the broker chooses the first; the second carries the session token, which no URL may. */
export const SUBPROTOCOL = 'sb.v1';
export const TOKEN_SUBPROTOCOL = 'sb.token.';

/** Audience of a ServiceAccount's projected token with which a program asks for a session. */
export const SANDBOX_AUDIENCE = 'sb-sandbox';
/** How long a session token is good for. The broker ends a connection with its token; the client comes back with a new one. */
export const SESSION_SECONDS = 600;

interface Courier {
  resource?: Entered | undefined;
  /** Of the Sandbox or the Trial. */
  ownerUid: string;
  podUid: string;
}

/** How the courier of a Pod is called in its certificate. */
export const courierName = ({ resource = 'sandboxes', ownerUid, podUid }: Courier): string =>
  `${ownerUid}.${podUid}.${resource === 'trials' ? 'trial' : 'sandbox'}.sb.abundant.ai`;

/** Either side says something at least this often, and gives a connection up after such a silence. */
export const PING_MS = 15_000;
export const SILENCE_MS = 40_000;

/** Without a connection, a session and what it holds back is kept so long. Commands outlive it. */
export const SESSION_KEPT_MS = 5 * 60_000;

/**
 * The tunnel at the broker: all that a Pod with a restricted network reaches of the world. Over TLS, on the broker's own port:
 *
 * ```
 * CONNECT pypi.org:443 HTTP/1.1
 * Authorization: Bearer <the courier's projected token>
 * sb-purpose: phase
 * sb-phase: agent
 * sb-step: 0
 * ```
 *
 * `200` and then raw bytes both ways, each end of the stream passed on by itself. A bad end is a connection without its end: the other one is
 * destroyed too. Otherwise JSON `{ "error": string }` and the end of the connection: 400 (the request itself), 401 (token), 403 (not this Pod's, or
 * not allowed: says which host, which phase and what the list is), 404, 409 or 422 (the task, as at `GET /v1/assignment`), 429 (too many tunnels
 * of this Pod), 500, 502 (nobody there), 503 (retry), 504 (no answer in time).
 *
 * `sb-purpose: sandbox` is for what runs in a Sandbox whose network is a list: it has no phases.
 *
 * `sb-purpose: model` is for the courier's own calls of the model of the Trial's agent: it leads to host and port of that alone.
 *
 * Where the phase has a list, the first bytes that the client sends are held against it: the names in a TLS ClientHello (SNI), target and Host of a
 * plain HTTP request. A name that the list does not have ends the connection, after a 403 in HTTP.
 */
import { hostOf, hostText, NETWORK_PHASES } from './network.ts';
import type { Host, NetworkPhase } from './network.ts';

/** Headers of the request beside `Authorization`; in lower case, as Node has them. */
export const TUNNEL_HEADERS = { purpose: 'sb-purpose', phase: 'sb-phase', step: 'sb-step' } as const;

/** Where the courier's proxy listens on 127.0.0.1 of a Pod with a restricted network. Below the ports that the kernel gives to connections. */
export const FORWARDER_PORT = 28_171;

/** Where the courier's model proxy listens on 127.0.0.1, likewise. */
export const MODEL_PORT = 28_172;

/** Tunnels of one Pod at the same time; the next one is answered with 429. */
export const TUNNELS_PER_POD = 32;

/** Whose traffic it is: the courier's own, to the store or to the model of the agent alone, or that of what runs in a Sandbox or in a phase. */
export type TunnelPurpose =
  | { kind: 'store' }
  | { kind: 'model' }
  | { kind: 'sandbox' }
  /** `step`: index from 0; 0 where the task has no `[[steps]]`. */
  | { kind: 'phase'; phase: NetworkPhase; step: number };

/** The other end. */
export interface TunnelTarget {
  host: Host;
  /** 1 to 65535. */
  port: number;
}

const AUTHORITY = /^(?:\[([0-9a-f.]*:[0-9a-f:.]*)\]|([^:[\]]+)):([1-9]\d{0,4})$/i;
const PORT_MAX = 65_535;

/** `host:port` of a CONNECT, an IPv6 address in brackets; undefined for what is none, a URL among others. */
export function targetOf(authority: string): TunnelTarget | undefined {
  const [, v6, other, port] = AUTHORITY.exec(authority) ?? [];
  const host = hostOf(v6 ?? other ?? '');
  // No name has a colon, so what stood in brackets is an address.
  if (!host || Number(port) > PORT_MAX) return undefined;
  return { host, port: Number(port) };
}

/** Where a URL with `http:` or `https:` leads; undefined for a host that is none. */
export function targetOfUrl(url: string): TunnelTarget | undefined {
  const { protocol, hostname, port } = URL.parse(url) ?? { hostname: '' };
  return targetOf(`${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`);
}

/** The same as text: what `targetOf` reads. */
export function authorityOf({ host, port }: TunnelTarget): string {
  const text = hostText(host);
  return `${text.includes(':') ? `[${text}]` : text}:${port}`;
}

/** What a courier sends beside its token. */
export const headersOf = (purpose: TunnelPurpose): Record<string, string> => ({
  [TUNNEL_HEADERS.purpose]: purpose.kind,
  ...(purpose.kind === 'phase' && {
    [TUNNEL_HEADERS.phase]: purpose.phase,
    [TUNNEL_HEADERS.step]: String(purpose.step),
  }),
});

const STEP = /^(?:0|[1-9]\d{0,3})$/;

/** The purpose that a request's headers name; undefined where they name none, or more than one. */
export function purposeOf(headers: Record<string, string | string[] | undefined>): TunnelPurpose | undefined {
  const { purpose, phase: phaseHeader, step: stepHeader } = TUNNEL_HEADERS;
  const [kind, phase, step] = [headers[purpose], headers[phaseHeader], headers[stepHeader]];
  if (kind === 'store' || kind === 'model' || kind === 'sandbox')
    return phase === undefined && step === undefined ? { kind } : undefined;
  const known = NETWORK_PHASES.find((name) => name === phase);
  if (kind !== 'phase' || known === undefined || typeof step !== 'string' || !STEP.test(step))
    return undefined;
  return { kind, phase: known, step: Number(step) };
}

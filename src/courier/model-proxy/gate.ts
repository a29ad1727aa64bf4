/** Pure: which calls are taken on, by their heads alone. */
import type { IncomingMessage } from 'node:http';
import { PROVIDERS } from '../../crds/providers.ts';
import type { AssignedEndpoint } from '../../wire/assignment.ts';
import { basePath } from './assigned.ts';
import { BODY_MAX_BYTES } from './body.ts';
import type { ErrorKind } from './errors.ts';
import { withKey } from './heads.ts';
import { routeOf, type Route } from './routes.ts';

/** A call that may be made, but for its body. */
export interface Asked {
  route: Route;
  /** At the provider. */
  url: URL;
  /** With the key, as far as they are the agent's. */
  headers: string[];
}

export interface Refusal {
  kind: ErrorKind;
  message: string;
  route?: Route;
}

export interface Gate {
  endpoint: AssignedEndpoint;
  token: string;
  key?: string | undefined;
}

export type AskedHead = Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders' | 'headers'>;

export function askedOf(request: AskedHead, { endpoint, token, key }: Gate): Refusal | Asked {
  const { method = '', url = '', rawHeaders } = request;
  const [whole = '', query = ''] = url.split(/\?(.*)/s, 2);
  // Whoever has no token learns nothing else.
  const keyed = withKey({ headers: rawHeaders, query }, token, key);
  if (!keyed) return { kind: 'token', message: 'this key is not the one that the agent was given' };
  const { protocols, baseUrl } = PROVIDERS[endpoint.provider];
  const base = basePath(baseUrl);
  const path = whole.startsWith(base) ? whole.slice(base.length) : '';
  const route = routeOf(method, path, protocols);
  if (!route)
    return { kind: 'path', message: `${method} ${whole.slice(0, 200)} is not passed on: models alone are` };
  const there = `${endpoint.baseUrl}${path}${keyed.query === '' ? '' : `?${keyed.query}`}`;
  return problemOfBody(request, route) ?? { route, url: new URL(there), headers: keyed.headers };
}

function problemOfBody(request: AskedHead, route: Route): Refusal | undefined {
  const coding = request.headers['content-encoding'] ?? 'identity';
  if (coding !== 'identity') return { kind: 'bad', message: `a body in ${coding} is not passed on`, route };
  const length = lengthOf(request);
  if (length === Infinity || length <= BODY_MAX_BYTES) return undefined;
  return { kind: 'large', message: `a request has at most ${BODY_MAX_BYTES} bytes`, route };
}

/** Infinity where it is not told. */
export const lengthOf = ({ headers }: Pick<IncomingMessage, 'headers'>): number =>
  headers['content-length'] === undefined ? Infinity : Number(headers['content-length']);

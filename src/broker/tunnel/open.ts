/** From a `CONNECT` to a tunnel: whose it is, where it leads, and the connection there. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { purposeOf, targetOf } from '../../wire/tunnel.ts';
import { identify } from '../identity/token.ts';
import type { PodIdentity, TokenVerifier } from '../identity/token.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { tunnelAccess } from './access.ts';
import type { AccessDeps, Grant, Wanted } from './access.ts';
import { dial } from './dial.ts';
import type { DialDeps } from './dial.ts';
import { tunnelSlots, TUNNELS_MAX } from './slots.ts';

export interface OpenDeps extends AccessDeps, DialDeps {
  tokens: TokenVerifier;
  /** Tunnels in all; default: `TUNNELS_MAX`. */
  max?: number;
}

export interface Opened {
  wanted: Wanted;
  grant: Grant;
  /** Connected. */
  upstream: Socket;
  /** Gives the tunnel's place back; may be called again. */
  leave: () => void;
}

/** What a request asks for. A CONNECT has no body, so one that announces a body is read in two ways by somebody. */
function wantedOf({ url = '', headers }: IncomingMessage): Wanted | Refused {
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined)
    return refused(400, 'BadRequest', 'a CONNECT has no body');
  const [target, purpose] = [targetOf(url), purposeOf(headers)];
  if (!target)
    return refused(
      400,
      'BadRequest',
      `${url.slice(0, 200)} is not host:port, as in CONNECT pypi.org:443 HTTP/1.1`,
    );
  if (!purpose)
    return refused(
      400,
      'BadRequest',
      'send sb-purpose: store, model or sandbox, or sb-purpose: phase with sb-phase and sb-step',
    );
  return { target, purpose };
}

/** Rejects where cluster or store do not answer. */
export function opener(deps: OpenDeps): (request: IncomingMessage) => Promise<Opened | Refused> {
  const access = tunnelAccess(deps);
  const slots = tunnelSlots(deps.max ?? TUNNELS_MAX);

  const connect = async (pod: PodIdentity, wanted: Wanted): Promise<Omit<Opened, 'leave'> | Refused> => {
    const grant = await access(pod, wanted);
    if (isRefused(grant)) return grant;
    const upstream = await dial(wanted.target, grant, deps);
    return isRefused(upstream) ? upstream : { wanted, grant, upstream };
  };

  return async (request) => {
    // Token first, as everywhere; then a place, so that no Pod has the broker look up and connect without bounds.
    const pod = await identify(request, deps.tokens);
    if (isRefused(pod)) return pod;
    const wanted = wantedOf(request);
    if (isRefused(wanted)) return wanted;
    const leave = slots.take(pod.podUid);
    if (typeof leave !== 'function') return leave;
    try {
      const opened = await connect(pod, wanted);
      if (!isRefused(opened)) return { ...opened, leave };
      leave();
      return opened;
    } catch (error) {
      leave();
      throw error;
    }
  };
}

/** From an upgrade to a courier: whose session it is, where the Sandbox or Trial runs, and the connection there. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { sleep } from '../../async/clock.ts';
import type { KubeClient } from '../../kube/types.ts';
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL, type EnteredKey } from '../../wire/sandbox/names.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { dialCourier, type DialDeps } from './dial.ts';
import { Places, type Bounds } from './places.ts';
import { readSession, type Granted, type SessionTokenDeps } from './session-token.ts';
import { targets, type Target, type TargetDeps } from './target.ts';

export interface ReachDeps extends DialDeps, SessionTokenDeps, TargetDeps {
  bounds: Bounds;
  kube: Pick<KubeClient, 'get'>;
}

/** The session token among the subprotocols that a program offers. */
function tokenIn({ url = '', headers }: IncomingMessage): string | Refused {
  if (url.includes('?'))
    return refused(
      400,
      'BadRequest',
      `a URL gets into logs: send the session token as subprotocol ${TOKEN_SUBPROTOCOL}<token>`,
    );
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  if (!offered.includes(SUBPROTOCOL))
    return refused(
      400,
      'BadRequest',
      `offer the subprotocol ${SUBPROTOCOL}, the only one that is spoken here`,
    );
  const token = offered.find((protocol) => protocol.startsWith(TOKEN_SUBPROTOCOL));
  return (
    token?.slice(TOKEN_SUBPROTOCOL.length) ??
    refused(401, 'NoToken', `send the session token as subprotocol ${TOKEN_SUBPROTOCOL}<token>`)
  );
}

async function sessionOf(
  request: IncomingMessage,
  key: EnteredKey,
  deps: SessionTokenDeps,
): Promise<Granted | Refused> {
  const token = tokenIn(request);
  if (typeof token !== 'string') return token;
  const session = await readSession(token, deps);
  if (isRefused(session)) return session;
  return session.resource === key.resource && session.namespace === key.namespace && session.name === key.name
    ? session
    : refused(403, 'OtherSandbox', 'the session token is for another object; ask for one for this');
}

/** A courier that is reached, for a session. */
export interface Reached {
  session: Granted;
  target: Target;
  courier: TLSSocket;
  /** Gives the connection's place back; may be called again. */
  leave: () => void;
}

/** So long what a program has heard of may still be on its way to this replica's caches. */
const LAG_MS = 500;
const LOOK_MS = 20;

/** Looks again while a cache may be behind; the API server itself is not asked twice. */
function targetsInTime(deps: ReachDeps, closing: AbortSignal) {
  const { clock, jobs } = deps;
  const targetFor = targets(deps);
  return async (session: Granted): Promise<Target | Refused> => {
    const until = clock.monotonic() + LAG_MS;
    for (;;) {
      const isCached = session.resource !== 'trials' || jobs.synced;
      const target = await targetFor(session);
      const isBehind = isCached && isRefused(target) && target.reason === 'NotReady';
      if (!isBehind || closing.aborted || clock.monotonic() >= until) return target;
      await sleep(clock, LOOK_MS, closing);
    }
  };
}

/** `closing` ends what is being tried. */
export function reacher(deps: ReachDeps, closing: AbortSignal) {
  const places = new Places(deps.bounds);
  const targetInTime = targetsInTime(deps, closing);
  const reach = async (session: Granted): Promise<Omit<Reached, 'leave'> | Refused> => {
    const target = await targetInTime(session);
    if (isRefused(target)) return target;
    const courier = await dialCourier(target, deps, closing);
    return isRefused(courier) ? courier : { session, target, courier };
  };
  return async (request: IncomingMessage, key: EnteredKey): Promise<Reached | Refused> => {
    const session = await sessionOf(request, key, deps);
    if (isRefused(session)) return session;
    const leave = places.take(session);
    if (typeof leave !== 'function') return leave;
    try {
      const reached = await reach(session);
      if (!isRefused(reached)) return { ...reached, leave };
      leave();
      return reached;
    } catch (error) {
      leave();
      throw error;
    }
  };
}

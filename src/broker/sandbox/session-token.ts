/** Session tokens: what a program shows when it connects to a Sandbox. Any replica makes and checks them, with a key that all of them share. */
import { jwtVerify, SignJWT } from 'jose';
import { SESSION_SECONDS, type EnteredKey } from '../../wire/sandbox/names.ts';
import { tokenRefusal } from '../identity/token.ts';
import { present } from '../../crds/present.ts';
import { refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { WAYS, type Way } from './caller.ts';

/** What a session token is about. */
export interface Session extends EnteredKey {
  caller: string;
  way: Way;
  /** Of the Sandbox or the Trial. */
  uid: string;
}

export interface Granted extends Session {
  /** Epoch milliseconds. */
  expiresMs: number;
}

export interface SessionTokenDeps {
  /** 32 bytes; asked for each time. */
  sessionKey: () => Uint8Array;
  now: () => Date;
}

const AUDIENCE = 'sb-sandbox-session';
const ALGORITHM = 'HS256';
/** Clocks of replicas differ. */
const CLOCK_TOLERANCE_SECONDS = 5;

/** Good for `SESSION_SECONDS`. */
export async function signSession(
  { caller, way, resource, namespace, name, uid }: Session,
  { sessionKey, now }: SessionTokenDeps,
): Promise<{ token: string; expiresMs: number }> {
  const seconds = Math.floor(now().getTime() / 1000);
  const exp = seconds + SESSION_SECONDS;
  const claims = {
    aud: AUDIENCE,
    sub: caller,
    way,
    ns: namespace,
    name,
    uid,
    iat: seconds,
    exp,
    ...present({ resource }),
  };
  const token = await new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM }).sign(sessionKey());
  return { token, expiresMs: exp * 1000 };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function grantedIn(claims: Record<string, unknown>): Granted | undefined {
  const { sub: caller, way, ns: namespace, name, uid, exp, resource } = claims;
  const texts = [caller, namespace, name, uid];
  if (!texts.every(isText) || !WAYS.includes(way as Way)) return undefined;
  // That of a Sandbox says nothing of its kind, as before there was another.
  if (resource !== undefined && resource !== 'trials') return undefined;
  return {
    caller,
    way,
    ...present({ resource }),
    namespace,
    name,
    uid,
    expiresMs: Number(exp) * 1000,
  } as Granted;
}

/** What a token grants, or 401. */
export async function readSession(
  token: string,
  { sessionKey, now }: SessionTokenDeps,
): Promise<Granted | Refused> {
  const rules = {
    audience: AUDIENCE,
    algorithms: [ALGORITHM],
    requiredClaims: ['exp'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: now(),
  };
  try {
    const { payload } = await jwtVerify(token, sessionKey(), rules);
    return grantedIn(payload) ?? refused(401, 'MalformedToken', 'that is no session token');
  } catch (error) {
    return tokenRefusal(error, AUDIENCE);
  }
}

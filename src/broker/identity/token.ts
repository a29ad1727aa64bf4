/** Whose token is this? Checked offline against the cluster's keys: a courier costs the API server nothing. */
import type { IncomingMessage } from 'node:http';
import { errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { BROKER_AUDIENCE } from '../../crds/names.ts';
import type { KubeClient } from '../../kube/types.ts';
import { isRefused, refused } from '../refusal.ts';
import type { RefusalReason, Refused } from '../refusal.ts';
import { clusterKeys } from './keys.ts';
import type { Keys } from './keys.ts';

/** The Pod that a token is bound to. */
export interface PodIdentity {
  namespace: string;
  podName: string;
  podUid: string;
  serviceAccount: string;
}

/** Neither rejects: what is wrong with the token, or with our own knowledge of keys (503), is a value. */
export interface TokenVerifier {
  /** The Pod of a token with audience `sb-broker`. */
  verify(token: string): Promise<PodIdentity | Refused>;
  /** What a token says that is meant for `audience`. */
  claimsOf(token: string, audience: string): Promise<JWTPayload | Refused>;
}

/** What kube-apiserver signs with; neither `none` nor a shared secret. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];
const CLOCK_TOLERANCE_SECONDS = 5;

/** What jose calls it → our word and a sentence. */
const REFUSALS: Record<string, [RefusalReason, string]> = {
  ERR_JWT_EXPIRED: ['Expired', 'the token has expired'],
  ERR_JOSE_ALG_NOT_ALLOWED: ['WrongAlgorithm', 'the token is not signed in a way that counts here'],
  ERR_JWKS_NO_MATCHING_KEY: ['UnknownKey', 'the token is signed with a key that this cluster does not have'],
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: ['BadSignature', 'the token’s signature is wrong'],
};
const CLAIM_REFUSALS: Record<string, [RefusalReason, string]> = {
  iss: ['WrongIssuer', 'the token is not of this cluster'],
  nbf: ['NotYetValid', 'the token is not valid yet'],
  exp: ['Expired', 'the token does not say when it expires'],
};

/** What `jwtVerify` rejected with, as a refusal. */
export function tokenRefusal(error: unknown, audience: string): Refused {
  const claim = error instanceof errors.JWTClaimValidationFailed ? error.claim : undefined;
  if (claim === 'aud') return refused(401, 'WrongAudience', `the token is not meant for ${audience}`);
  const known =
    (claim === undefined ? undefined : CLAIM_REFUSALS[claim]) ??
    (error instanceof errors.JOSEError ? REFUSALS[error.code] : undefined);
  const [reason, message] = known ?? ['MalformedToken', 'that is no token'];
  return refused(401, reason, message);
}

const nameOf = (object: unknown, field: 'name' | 'uid'): string => {
  const value = (object as Record<string, unknown> | undefined)?.[field];
  return typeof value === 'string' ? value : '';
};

/** Kubernetes' private claims: `kubernetes.io` → `{ namespace, pod: { name, uid }, serviceaccount: { name, uid } }`; empty where they are missing. */
export function boundTo(claims: JWTPayload): PodIdentity & { accountUid: string } {
  const { namespace, pod, serviceaccount } = (claims['kubernetes.io'] ?? {}) as Record<string, unknown>;
  return {
    namespace: typeof namespace === 'string' ? namespace : '',
    podName: nameOf(pod, 'name'),
    podUid: nameOf(pod, 'uid'),
    serviceAccount: nameOf(serviceaccount, 'name'),
    accountUid: nameOf(serviceaccount, 'uid'),
  };
}

function podOf(claims: JWTPayload): PodIdentity | Refused {
  const { accountUid: _, ...identity } = boundTo(claims);
  if (Object.values(identity).includes('')) return refused(401, 'NotAPod', 'the token is not bound to a Pod');
  return identity;
}

/** Keys or issuer may have changed since they were read. */
const mayBeOurs = (verdict: object): boolean =>
  isRefused(verdict) && (verdict.reason === 'UnknownKey' || verdict.reason === 'WrongIssuer');

const keysUnavailable = (why: string): Refused => refused(503, 'KeysUnavailable', why);

/** Checks tokens by signature, issuer, audience and time. */
export function tokenVerifier({ kube, now }: { kube: KubeClient; now: () => Date }): TokenVerifier {
  const keys = clusterKeys({ kube, now });
  const check = async (
    token: string,
    audience: string,
    { issuer, key }: Keys,
  ): Promise<JWTPayload | Refused> => {
    const rules = {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      requiredClaims: ['exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now(),
    };
    return jwtVerify(token, key, rules).then(
      ({ payload }) => payload,
      (error: unknown) => tokenRefusal(error, audience),
    );
  };
  const claimsOf = async (token: string, audience: string): Promise<JWTPayload | Refused> => {
    try {
      const verdict = await check(token, audience, await keys.current());
      if (!mayBeOurs(verdict)) return verdict;
      const renewed = await keys.renewed();
      return renewed
        ? await check(token, audience, renewed)
        : keysUnavailable('the token’s key is not known yet');
    } catch (error) {
      return keysUnavailable(error instanceof Error ? error.message : String(error));
    }
  };
  return {
    claimsOf,
    async verify(token) {
      const claims = await claimsOf(token, BROKER_AUDIENCE);
      return isRefused(claims) ? claims : podOf(claims);
    },
  };
}

/** The Pod that a request's token is bound to. A token counts in the header alone: what stands in a URL gets into logs. */
export async function identify(
  { headers }: Pick<IncomingMessage, 'headers'>,
  tokens: TokenVerifier,
): Promise<PodIdentity | Refused> {
  const [, token] = /^Bearer ([\w.-]+)$/i.exec(headers.authorization ?? '') ?? [];
  if (token === undefined) return refused(401, 'NoToken', 'send the Pod’s token: Authorization: Bearer …');
  return tokens.verify(token);
}

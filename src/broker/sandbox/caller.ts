/** Who wants into a Sandbox, as the API server would call them. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { decodeJwt } from 'jose';
import { CALLER_TOKEN_MAX } from '../../wire/sandbox/session.ts';
import { SANDBOX_AUDIENCE } from '../../wire/sandbox/names.ts';
import { boundTo, type TokenVerifier } from '../identity/token.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import type { CertificateCaller } from './certificate.ts';
import type { Reviewed } from './token-review.ts';

/** How callers prove who they are. */
export const WAYS = ['Token', 'ServiceAccount', 'Certificate'] as const;
export type Way = (typeof WAYS)[number];

/** A user, in the words of a SubjectAccessReview. */
export interface Caller {
  name: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
  way: Way;
}

export interface CallerDeps {
  tokens: Pick<TokenVerifier, 'claimsOf'>;
  /** Asks the API server whose token it is; `from` is the address that it came from. */
  review: (token: string, from: string) => Promise<Reviewed>;
  certificateCaller: (connection: TLSSocket) => Promise<CertificateCaller>;
}

/** Bytes of a user's name in JSON: it goes into the session token, and that into a header. */
const NAME_MAX = 1024;

export const AUTHENTICATED = 'system:authenticated';

/** Every kind of token is made of these. */
const TOKEN = /^[\w.~+/=:-]+$/;

const HOW =
  'send { "token": … }: that of kubectl create token <service account>, or of your kubeconfig; without one, come with the kubeconfig’s client certificate and not through a proxy';

/** A ServiceAccount's projected token with our audience, which no API server has to be asked about. */
function isForSandboxes(token: string): boolean {
  try {
    const { aud } = decodeJwt(token);
    return [aud].flat().includes(SANDBOX_AUDIENCE);
  } catch {
    return false;
  }
}

async function accountOf(token: string, { tokens }: CallerDeps): Promise<Caller | Refused> {
  const claims = await tokens.claimsOf(token, SANDBOX_AUDIENCE);
  if (isRefused(claims)) return claims;
  const { namespace, serviceAccount, accountUid, podName, podUid } = boundTo(claims);
  const name = `system:serviceaccount:${namespace}:${serviceAccount}`;
  if (namespace === '' || serviceAccount === '' || claims.sub !== name)
    return refused(401, 'NotAServiceAccount', 'the token is no ServiceAccount’s');
  return {
    name,
    uid: accountUid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, AUTHENTICATED],
    ...(podName !== '' && {
      extra: {
        'authentication.kubernetes.io/pod-name': [podName],
        'authentication.kubernetes.io/pod-uid': [podUid],
      },
    }),
    way: 'ServiceAccount',
  };
}

/** Whoever forwards a request may have a client certificate of its own, and is not the caller. */
const isForwarded = ({ headers }: IncomingMessage): boolean =>
  ['x-forwarded-for', 'forwarded', 'via'].some((name) => headers[name] !== undefined);

async function certified(request: IncomingMessage, deps: CallerDeps): Promise<Caller | Refused> {
  const found = isForwarded(request) ? undefined : await deps.certificateCaller(request.socket as TLSSocket);
  return found ?? refused(401, 'NoCredentials', HOW);
}

/** Resolves 401 for nobody, 503 where the API server has to be asked and cannot. Rejects with `ApiError` where it does not answer. */
export async function callerOf(
  request: IncomingMessage,
  token: string | undefined,
  deps: CallerDeps,
): Promise<Caller | Refused> {
  const caller = await (token === undefined ? certified(request, deps) : named(request, token, deps));
  if (!isRefused(caller) && Buffer.byteLength(JSON.stringify(caller.name)) > NAME_MAX)
    return refused(403, 'NotAllowed', `your user name is longer than ${NAME_MAX} bytes`);
  return caller;
}

async function named(request: IncomingMessage, token: string, deps: CallerDeps): Promise<Caller | Refused> {
  if (token.length > CALLER_TOKEN_MAX)
    return refused(413, 'TooLarge', `the token is longer than ${CALLER_TOKEN_MAX} bytes`);
  if (!TOKEN.test(token)) return refused(401, 'MalformedToken', `that is no token; ${HOW}`);
  if (isForSandboxes(token)) return accountOf(token, deps);
  return deps.review(token, request.socket.remoteAddress ?? '');
}

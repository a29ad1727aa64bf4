/** Whose token is it? The API server says, and is asked seldom: strangers can make up tokens. */
import { sha256 } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import type { Kind, KubeClient, KubeObject } from '../../kube/types.ts';
import { limiter } from '../rate.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import type { Caller } from './caller.ts';
import { Remembered } from './remembered.ts';

export type Reviewed = Caller | Refused;

interface UserInfo {
  username?: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
}

export interface TokenReview extends KubeObject {
  spec: { token: string };
  status?: { authenticated?: boolean; user?: UserInfo; error?: string };
}

export const TokenReview: Kind<TokenReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  namespaced: false,
};

const GOOD_MS = 60_000;
const REFUSED_MS = 10_000;
const REMEMBERED = 4096;
/** Tokens that are new to us, within a second: of one address and in all. */
export const REVIEWS = { each: 10, total: 50 } as const;

const NOT_LOGGED_IN = refused(
  401,
  'NotLoggedIn',
  'the cluster does not know this token, or it has expired; log in again, or make one with kubectl create token <service account>',
);

function callerIn({ status }: TokenReview): Reviewed {
  const { username, uid, groups = [], extra } = status?.user ?? {};
  if (status?.authenticated !== true || !username) return NOT_LOGGED_IN;
  return { name: username, groups, ...present({ uid, extra }), way: 'Token' };
}

/** The function rejects with `ApiError` where the API server does not answer. */
export function tokenReviews({ kube, now }: { kube: KubeClient; now: () => Date }) {
  const allowed = limiter(REVIEWS);
  const known = new Remembered<Reviewed>({
    size: REMEMBERED,
    now,
    goodMs: (caller) => (isRefused(caller) ? REFUSED_MS : GOOD_MS),
  });
  const ask = async (token: string): Promise<Reviewed> =>
    callerIn(
      await kube.create(TokenReview, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        metadata: { name: '' },
        spec: { token },
      }),
    );
  return async (token: string, from: string): Promise<Reviewed> => {
    const answer = known.answer(
      sha256(token),
      () => allowed(from, now()),
      () => ask(token),
    );
    return answer ?? refused(503, 'Busy', 'too many unknown tokens come at the moment; try again');
  };
}

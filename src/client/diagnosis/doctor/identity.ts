import type { Session } from '../../session/types.ts';
import type { Identity } from './check-result.ts';
import { SelfSubjectReview } from './kinds.ts';

/** Who the API server takes us for, and what time it has. Everybody who is logged in may ask. */
export async function identityOf({ kube, now }: Pick<Session, 'kube' | 'now'>): Promise<Identity> {
  const asked = now().getTime();
  const { metadata, status } = await kube.create(SelfSubjectReview, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'SelfSubjectReview',
    metadata: { name: '' },
  });
  const answered = now().getTime();
  const user = status?.userInfo?.username ?? '<you>';
  return { user, aheadMs: aheadMs(asked, answered, metadata?.creationTimestamp) };
}

/** How far our clock is ahead, given when we asked, when we had the answer, and the server's time between the two in whole seconds. */
export function aheadMs(asked: number, answered: number, server: string | undefined): number {
  if (server === undefined) return 0;
  const from = Date.parse(server);
  const until = from + 1000;
  if (answered < from) return answered - from;
  if (asked > until) return asked - until;
  return 0;
}

/** Objects by UID: out of the watch caches, else asked for at the API server, which strangers cannot make us do often. */
import type { Kind, KubeClient, KubeObject, Store } from '../../kube/types.ts';
import { limiter } from '../rate.ts';
import { refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';

export interface ObjectIdentity {
  namespace: string;
  name: string;
  uid: string;
}

/** `lately`: a cache that may have missed what happened is not good enough. */
export type Kept<T extends KubeObject> = [kind: Kind<T>, store: Store<T>, asOf?: 'lately'];

/** Resolves the very object with that UID (one that took its name later is another), undefined where there is none, or 503 where too much was asked for. */
export type Find = <T extends KubeObject>(
  kept: Kept<T>,
  identity: ObjectIdentity,
) => Promise<T | undefined | Refused>;

/** An answer of the API server is good for this long: a name that was made up costs one request, however often it is shown. */
const REMEMBERED_MS = 3000;
/** Requests of all couriers to the API server within a second. A Pod and its Job take one each, of builds, and of Trials in a replica that stands by. */
export const LIVE_PER_SECOND = 300;
/** No namespace takes what the others need. */
export const LIVE_PER_NAMESPACE = 150;

interface Remembered {
  answer: Promise<KubeObject | undefined>;
  untilMs: number;
}

/** Rejects with `ApiError` where only the API server could tell and does not answer; that is not remembered. */
export function finder({ kube, now }: { kube: KubeClient; now: () => Date }): Find {
  const remembered = new Map<string, Remembered>();
  const allowed = limiter({ total: LIVE_PER_SECOND, each: LIVE_PER_NAMESPACE });

  const ask = (kind: Kind<KubeObject>, { namespace, name }: ObjectIdentity, id: string) => {
    const answer = kube.get(kind, { namespace, name });
    remembered.set(id, { answer, untilMs: now().getTime() + REMEMBERED_MS });
    answer.catch(() => remembered.delete(id));
    return answer;
  };

  return async <T extends KubeObject>(kept: Kept<T>, identity: ObjectIdentity) => {
    const cached = heldIn(kept, identity);
    if (cached) return cached;
    const [kind] = kept;
    const { namespace, name, uid } = identity;
    forget(remembered, now().getTime());
    const id = [kind.plural, namespace, name, uid].join('/');
    const known = remembered.get(id)?.answer;
    if (!known && !allowed(namespace, now()))
      return refused(503, 'Busy', 'too many unknown Pods ask at the moment; try again');
    const live = (await (known ?? ask(kind, identity, id))) as T | undefined;
    return live?.metadata.uid === uid ? live : undefined;
  };
}

function heldIn<T extends KubeObject>(
  [, store, asOf]: Kept<T>,
  { uid, ...key }: ObjectIdentity,
): T | undefined {
  const cached = store.get(key);
  const isGood = cached?.metadata.uid === uid && (asOf === undefined || store.fresh);
  return isGood ? cached : undefined;
}

/** All are remembered for the same time, so the oldest are first. */
function forget(remembered: Map<string, Remembered>, nowMs: number): void {
  for (const [id, { untilMs }] of remembered) {
    if (untilMs > nowMs) return;
    remembered.delete(id);
  }
}

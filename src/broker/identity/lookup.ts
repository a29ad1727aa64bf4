/** Objects by UID: out of the watch caches, else asked for at the API server, which strangers cannot make us do often. */
import { Lru } from '../../async/lru.ts';
import { Job } from '../../kube/kinds.ts';
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
/** What is read of a Job does not change while its Pod is there, and a Pod may open tunnels by the dozen. */
const JOB_REMEMBERED_MS = 30_000;
/** Answers at most; a Job with its Pod's template has some 10 KiB. */
const REMEMBERED = 2000;
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
  const remembered = new Lru<Remembered>(REMEMBERED);
  const allowed = limiter({ total: LIVE_PER_SECOND, each: LIVE_PER_NAMESPACE });

  const ask = (kind: Kind<KubeObject>, { namespace, name, uid }: ObjectIdentity, id: string) => {
    const answer = kube.get(kind, { namespace, name });
    const askedMs = now().getTime();
    const entry = { answer, untilMs: askedMs + REMEMBERED_MS };
    remembered.set(id, entry);
    answer.then(
      (found) => {
        const isJob = kind === Job && found?.metadata.uid === uid;
        if (isJob) entry.untilMs = askedMs + JOB_REMEMBERED_MS;
      },
      () => remembered.delete(id),
    );
    return answer;
  };

  const known = (id: string): Remembered['answer'] | undefined => {
    const entry = remembered.get(id);
    return entry && entry.untilMs > now().getTime() ? entry.answer : undefined;
  };

  return async <T extends KubeObject>(kept: Kept<T>, identity: ObjectIdentity) => {
    const cached = heldIn(kept, identity);
    if (cached) return cached;
    const [kind] = kept;
    const { namespace, name, uid } = identity;
    const id = [kind.plural, namespace, name, uid].join('/');
    const before = known(id);
    if (!before && !allowed(namespace, now()))
      return refused(503, 'Busy', 'too many unknown Pods ask at the moment; try again');
    const live = (await (before ?? ask(kind, identity, id))) as T | undefined;
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

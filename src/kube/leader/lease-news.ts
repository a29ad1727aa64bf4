import { ObjectCache } from '../cache/cache.ts';
import { Reflector } from '../cache/reflector.ts';
import type { Kube } from '../connect.ts';
import { Lease } from '../kinds.ts';
import type { ObjectKey } from '../types.ts';
import type { ElectorOptions } from './elector.ts';

/** Hears of every change of a lease by a watch. */
export function leaseNews(kube: Kube, { namespace, name }: ObjectKey): NonNullable<ElectorOptions['hear']> {
  const { metrics } = kube;
  return (look, signal) => {
    const cache = new ObjectCache(Lease, kube.clock);
    cache.subscribe(({ type, object }) => (type === 'deleted' ? look() : look(object)));
    const reflector = new Reflector({
      ...kube,
      resource: Lease,
      // By its name, so that a role may allow this one alone.
      scope: { namespace, fieldSelector: `metadata.name=${name}` },
      cache,
      onRound: (what) => metrics.reflector(Lease.plural, what),
      onFailure: (reason) => metrics.reflectorFailed(Lease.plural, reason),
    });
    void reflector.run(signal);
  };
}

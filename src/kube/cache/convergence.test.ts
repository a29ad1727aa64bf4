import fc from 'fast-check';
import { expect } from 'chai';
import { setTimeout as wait } from 'node:timers/promises';
import { ApiServer } from '../../../test/support/api-server.ts';
import type { Fault, WatchEnd } from '../../../test/support/api-server/faults.ts';
import { configMap, connectTo, fastClock, until } from '../../../test/support/kube.ts';
import { ConfigMap } from '../kinds.ts';
import { keyOf, keyString, ObjectCache, type Change } from './cache.ts';
import { Reflector } from './reflector.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const how = fc.constantFrom<WatchEnd>('end', 'drop', 'truncate', 'stall', 'gone', 'garbage');
const fault = fc.oneof<fc.Arbitrary<Fault>[]>(
  fc.record({ kind: fc.constant('watch' as const), afterLines: fc.integer({ min: 0, max: 4 }), how }),
  fc.record({
    kind: fc.constant('status' as const),
    status: fc.constantFrom(401, 403, 410, 429, 500, 503, 504),
  }),
  fc.constant({ kind: 'drop' }),
  fc.record({ kind: fc.constant('slow' as const), ms: fc.integer({ min: 1, max: 20 }) }),
);
const change = fc.oneof(
  fc.record({ do: fc.constant('put' as const), name, value: fc.nat(9) }),
  fc.record({ do: fc.constant('delete' as const), name }),
  fc.record({ do: fc.constant('recreate' as const), name }),
);
const step = fc.oneof(
  { weight: 3, arbitrary: change },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fault' as const), fault }) },
  /** The server is away while things change; its history may be gone when it is back. */
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('outage' as const),
      refusals: fc.nat(3),
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      compaction: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pause' as const), ms: fc.integer({ min: 1, max: 15 }) }),
  },
);
type StepOf<A> = A extends fc.Arbitrary<infer S> ? S : never;
type Changed = StepOf<typeof change>;
type Step = StepOf<typeof step>;

function remove(server: ApiServer, called: string): void {
  const objects = server.collection(ConfigMap);
  if (objects.objects.has(`default/${called}`)) objects.delete('default', called);
}

function make(server: ApiServer, at: Changed): void {
  const objects = server.collection(ConfigMap);
  if (at.do !== 'put') remove(server, at.name);
  if (at.do === 'delete') return;
  const object = configMap(at.name, at.do === 'put' ? { value: String(at.value) } : {});
  if (objects.objects.has(`default/${at.name}`)) objects.update(object);
  else objects.create(object);
}

async function act(server: ApiServer, at: Step): Promise<void> {
  switch (at.do) {
    case 'fault':
      server.faults.add({ fault: at.fault });
      break;
    case 'outage':
      server.faults.add({ fault: { kind: 'drop' }, times: at.refusals });
      server.dropConnections();
      for (const changed of at.changes) make(server, changed);
      if (at.compaction) server.compact();
      break;
    case 'pause':
      await wait(at.ms);
      break;
    default:
      make(server, at);
  }
}

/** What somebody knows who heard every change and never looked at the cache. */
function listener(): { known: Map<string, string>; hear: (change: Change<ConfigMap>) => void } {
  const known = new Map<string, string>();
  const hear = ({ type, object }: Change<ConfigMap>): void => {
    const key = keyString(keyOf(object));
    const before = known.get(key);
    expect(before !== undefined, `${type} ${key}`).to.equal(type !== 'added');
    if (type === 'modified')
      expect(before?.split('@')[0], 'one object, one UID').to.equal(object.metadata.uid);
    if (type === 'deleted') known.delete(key);
    else known.set(key, identity(object));
  };
  return { known, hear };
}

const identity = ({ metadata }: { metadata: ConfigMap['metadata'] }): string =>
  `${metadata.uid}@${metadata.resourceVersion}`;

const snapshot = (objects: Iterable<ConfigMap>): string =>
  [...objects]
    .map((object) => `${object.metadata.name} ${identity(object)}`)
    .sort()
    .join('\n');

async function converges(steps: Step[], streamedLists: boolean): Promise<void> {
  const server = await ApiServer.start({ streamedLists, bookmarkMs: 20 });
  const kube = connectTo(server, { clock: fastClock(400) });
  const stop = new AbortController();
  const cache = new ObjectCache<ConfigMap>(ConfigMap);
  const { known, hear } = listener();
  cache.subscribe(hear);
  const options = { ...kube, resource: ConfigMap, scope: {}, cache, silenceMs: 40_000 };
  const running = new Reflector(options).run(stop.signal);
  try {
    for (const called of ['a', 'b', 'c']) server.collection(ConfigMap).create(configMap(called));
    await cache.whenSynced();
    for (const at of steps) await act(server, at);
    server.faults.clear();
    const truth = (): string =>
      snapshot(server.collection(ConfigMap).objects.values() as Iterable<ConfigMap>);
    await until('the store equals the server', () => cache.synced && snapshot(cache.list()) === truth());
    expect([...known.values()].sort()).to.deep.equal(cache.list().map(identity).sort());
  } finally {
    stop.abort();
    await running;
    await kube.close();
    await server.close();
  }
}

describe('cache', () => {
  it('equals the server once it is quiet, whatever went wrong before (faults 1 to 6 and 24, at random)', async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), converges);
    await fc.assert(property, { numRuns: 60, seed: 20260101, endOnFailure: true });
  }).timeout(60_000);
});

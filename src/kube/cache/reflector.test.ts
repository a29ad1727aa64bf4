import { expect } from 'chai';
import { ApiServer, type ApiServerOptions, type SeenRequest } from '../../../test/support/api-server.ts';
import type { WatchEnd } from '../../../test/support/api-server/faults.ts';
import { configMap, connectTo, fastClock, until } from '../../../test/support/kube.ts';
import type { Kube } from '../connect.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { Wire } from '../../../test/support/wire.ts';
import { ConfigMap } from '../kinds.ts';
import { ObjectCache, type Change } from './cache.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';

/** Backoffs pass this many times as fast. */
const SPEED = 100;

describe('reflector', () => {
  let server: ApiServer;
  let kube: Kube;
  let stop: AbortController;
  let cache: ObjectCache<ConfigMap>;
  let changes: Change<ConfigMap>[];
  let failures: string[];
  const running: Promise<void>[] = [];

  const open = async (options: ApiServerOptions = {}): Promise<void> => {
    server = await ApiServer.start(options);
    kube = connectTo(server, { clock: fastClock(SPEED) });
    stop = new AbortController();
    cache = new ObjectCache(ConfigMap);
    changes = [];
    failures = [];
    cache.subscribe((change) => changes.push(change));
  };
  const follow = async (options: Partial<ReflectorOptions<ConfigMap>> = {}): Promise<void> => {
    const onFailure = (reason: string): unknown => failures.push(reason);
    const reflector = new Reflector({
      ...kube,
      resource: ConfigMap,
      scope: {},
      cache,
      onFailure,
      ...options,
    });
    running.push(reflector.run(stop.signal));
    await cache.whenSynced();
  };
  const objects = () => server.collection(ConfigMap);
  const names = (): string[] =>
    cache
      .list()
      .map(({ metadata }) => metadata.name)
      .sort();
  const lists = (): number =>
    server.requests.filter(({ watch, query }) => !watch || query.has('sendInitialEvents')).length;
  const watches = () => server.requests.filter(({ watch }) => watch);
  const told = (): string[] => changes.map(({ type, object }) => `${type} ${object.metadata.name}`);

  afterEach(async () => {
    stop.abort();
    await Promise.all(running.splice(0));
    await kube.close();
    await server.close();
  });

  it('streams the list and follows in the same request', async () => {
    await open();
    objects().create(configMap('a'));
    await follow();
    objects().create(configMap('b'));
    await until('b is cached', () => names().length === 2);
    expect(server.requests).to.have.length(1);
    expect(changes.map((change) => [change.type, change.initial])).to.deep.equal([
      ['added', true],
      ['added', false],
    ]);
  });

  it('lists in pages where the server refuses streamed lists', async () => {
    await open({ streamedLists: false });
    for (let i = 0; i < 1100; i++) objects().create(configMap(`m${i}`));
    await follow();
    expect(cache.list()).to.have.length(1100);
    expect(server.requests.filter(({ watch }) => !watch)).to.have.length(3);
    objects().create(configMap('late'));
    await until('the watch brings it', () => cache.list().length === 1101);
  });

  it('asks for the version that it was told of once, and then for all there is', async () => {
    await open();
    for (let i = 0; i < 600; i++) objects().create(configMap(`m${i}`));
    const isList = ({ watch }: SeenRequest): boolean => !watch;
    // Another API server may not have come so far, and says so after three seconds.
    server.faults.add({ on: isList, fault: { kind: 'status', status: 504, reason: 'Timeout' } });
    await follow({ paged: true, notOlderThan: '7' });
    expect(cache.list()).to.have.length(600);
    const asked = server.requests.filter(isList).map(({ query }) => query.get('resourceVersion'));
    expect(asked).to.deep.equal(['7', null, null]);
  });

  it('lists in pages where the server does not know streamed lists and stays silent', async () => {
    await open({ streamedLists: 'ignored' });
    objects().create(configMap('a'));
    await follow({ silenceMs: 5000 });
    expect(names()).to.deep.equal(['a']);
  });

  it('resumes from the last version after an API server restart, without a list (fault 1)', async () => {
    await open();
    objects().create(configMap('a'));
    await follow();
    server.dropConnections();
    objects().create(configMap('b'));
    await until('b is cached', () => names().length === 2);
    expect(lists()).to.equal(1);
    expect(watches().at(-1)?.query.get('resourceVersion')).to.equal(
      cache.get({ namespace: 'default', name: 'a' })?.metadata.resourceVersion,
    );
  });

  it('keeps what it knows while all API servers are down, and catches up later (fault 2)', async () => {
    await open();
    objects().create(configMap('a'));
    await follow();
    server.faults.add({ fault: { kind: 'drop' }, times: 12 });
    server.dropConnections();
    objects().create(configMap('b'));
    expect(names()).to.deep.equal(['a']);
    await until('b is cached', () => names().length === 2);
    expect(lists()).to.equal(1);
  });

  for (const streamedLists of [true, false]) {
    it(`lists again after a 410 as status and tells of what was deleted meanwhile, streamed: ${streamedLists} (fault 3)`, async () => {
      await open({ streamedLists });
      objects().create(configMap('gone'));
      objects().create(configMap('stays'));
      await follow();
      server.faults.add({ fault: { kind: 'drop' }, times: 2 });
      server.dropConnections();
      objects().delete('default', 'gone');
      objects().create(configMap('new'));
      server.compact();
      await until('the list is taken in', () => told().length === 4);
      expect(names()).to.deep.equal(['new', 'stays']);
      expect(told()).to.include.members(['deleted gone', 'added new']);
      const found = changes.find(({ object }) => object.metadata.name === 'new');
      expect(found?.initial, 'it may have been there for long').to.equal(true);
    });
  }

  it('lists again after a 410 in the stream (fault 3)', async () => {
    await open();
    objects().create(configMap('a'));
    server.faults.add({ fault: { kind: 'watch', afterLines: 3, how: 'gone' } });
    await follow();
    objects().create(configMap('b'));
    objects().create(configMap('c'));
    await until('c is cached', () => names().length === 3);
    await until('it lists again', () => lists() === 2);
  });

  it('paces lists when every watch ends with 410 (fault 3)', async () => {
    await open();
    const on = (): boolean => true;
    server.faults.add({ on, fault: { kind: 'watch', afterLines: 1, how: 'gone' }, times: 1000 });
    await follow();
    const began = performance.now();
    await until('it listed five times', () => lists() >= 5);
    // 0.8 + 1.6 + 3.2 + 6.4 s at the least, in the fast clock.
    expect(performance.now() - began).to.be.above(((0.8 + 1.6 + 3.2 + 6.4) * 1000) / SPEED / 1.5);
  });

  it('closes a watch that went silent, and resumes (fault 5)', async () => {
    await open();
    server.faults.add({ fault: { kind: 'watch', afterLines: 1, how: 'stall' } });
    await follow({ silenceMs: 5000 });
    objects().create(configMap('unheard'));
    await until('it is heard of', () => names().length === 1);
    expect(lists()).to.equal(1);
  });

  it('is followed by another without a word where a watch began as a list, which the server serves for minutes', async () => {
    await open({ bookmarkMs: 1e6 });
    await follow({ silenceMs: 1000 });
    await until('another one follows', () => watches().length > 1);
    expect(failures).to.deep.equal([]);
    expect(lists()).to.equal(1);
  });

  it('is 45 s behind at the most where a connection breaks and neither end hears of it', async () => {
    await open();
    const wire = await Wire.start(server.url);
    await kube.close();
    const clock = new ManualClock();
    kube = connectTo(server, { clock, kubeConfig: server.kubeConfig({ server: wire.url }) });
    try {
      await follow();
      wire.forget();
      objects().create(configMap('unheard'));
      for (let second = 0; second < 45; second++) {
        await clock.advance(1000);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await until('it is heard of', () => names().length === 1);
      expect(lists()).to.equal(1);
      const served = Number(watches().at(-1)?.query.get('timeoutSeconds'));
      expect(served, 'a server that is well ends it sooner').to.be.within(1, 30);
    } finally {
      await wire.close();
    }
  });

  it('does not take a quiet watch with bookmarks for a dead one (fault 5)', async () => {
    await open({ bookmarkMs: 10 });
    // A second, with a hundred bookmarks: a process that is kept waiting is not silent for so long.
    await follow({ silenceMs: 1000 * SPEED });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(watches()).to.have.length(1);
    expect(Number(cache.version)).to.be.at.least(1000);
  });

  it('has its cache fresh by bookmarks alone, and stale in a silence', async () => {
    await open({ bookmarkMs: 10 });
    const clock = new ManualClock();
    cache = new ObjectCache(ConfigMap, clock);
    await follow();
    const heard = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200));
    await clock.advance(2000);
    await heard();
    expect(cache.fresh).to.equal(true);
    await clock.advance(15_000);
    await heard();
    await clock.advance(15_000);
    expect(cache.fresh).to.equal(true);
    stop.abort();
    await Promise.all(running.splice(0));
    await clock.advance(20_001);
    expect(cache.fresh).to.equal(false);
  });

  for (const how of ['truncate', 'garbage', 'drop', 'end'] satisfies WatchEnd[]) {
    it(`survives a stream that ends with: ${how} (fault 6)`, async () => {
      await open();
      server.faults.add({ fault: { kind: 'watch', afterLines: 2, how } });
      await follow();
      objects().create(configMap('a'));
      objects().create(configMap('b'));
      await until('b is cached', () => names().length === 2);
      expect(told()).to.deep.equal(['added a', 'added b']);
      expect(lists()).to.equal(1);
      if (how === 'truncate' || how === 'garbage') expect(failures).to.deep.equal(['BrokenStream']);
    });
  }

  it('does not list again however often streams break, as long as they bring something (fault 6)', async () => {
    await open();
    server.faults.add({ fault: { kind: 'watch', afterLines: 2, how: 'end' } });
    server.faults.add({ fault: { kind: 'watch', afterLines: 1, how: 'truncate' }, times: 8 });
    await follow();
    for (let i = 0; i < 10; i++) objects().create(configMap(`m${i}`));
    await until('all are cached', () => names().length === 10);
    expect(failures.length).to.be.above(5);
    expect(lists()).to.equal(1);
  });

  it('takes in an object of many megabytes (fault 6)', async () => {
    await open();
    await follow();
    objects().create(configMap('big', { text: 'ä'.repeat(4_000_000) }));
    await until('it is cached', () => names().length === 1);
    expect(cache.list()[0]?.data?.['text']).to.have.length(4_000_000);
  });

  it('keeps trying where it may not list, and syncs once it may (fault 12)', async () => {
    await open();
    server.faults.add({ fault: { kind: 'status', status: 403, reason: 'Forbidden' }, times: 4 });
    await follow();
    expect(failures).to.deep.equal(Array(4).fill('Forbidden'));
  });

  it('sees an object that was deleted and created again as two (fault 25)', async () => {
    await open();
    objects().create(configMap('a'));
    await follow();
    server.faults.add({ fault: { kind: 'drop' } });
    server.dropConnections();
    objects().delete('default', 'a');
    objects().create(configMap('a', { second: 'yes' }));
    server.compact();
    await until('the second is cached', () => cache.list()[0]?.data?.['second'] === 'yes');
    expect(told()).to.deep.equal(['added a', 'deleted a', 'added a']);
  });

  it('drops managedFields and what a transform takes away', async () => {
    await open();
    const managed = configMap('a', { secret: 'long' });
    Object.assign(managed.metadata, { managedFields: [{ manager: 'kubectl' }] });
    objects().create(managed);
    await follow({ transform: ({ data: _data, ...rest }) => rest });
    expect(cache.list()[0]).not.to.have.property('data');
    expect(cache.list()[0]?.metadata).not.to.have.property('managedFields');
  });

  it('follows a selection: what no longer fits is deleted from the cache', async () => {
    await open();
    const labelled = configMap('a');
    labelled.metadata.labels = { app: 'x' };
    objects().create(labelled);
    objects().create(configMap('b'));
    await follow({ scope: { labelSelector: 'app=x', namespace: 'default' } });
    expect(names()).to.deep.equal(['a']);
    objects().update(configMap('a'));
    await until('a left', () => names().length === 0);
  });
});

import { expect } from 'chai';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { sleep } from '../../async/clock.ts';
import { recordingLog } from '../../../test/support/kube.ts';
import { seeded } from '../../../test/support/random.ts';
import { ApiError } from '../errors.ts';
import type { Lease } from '../kinds.ts';
import type { KubeClient } from '../types.ts';
import { Elector, type ElectorOptions } from './elector.ts';
import { Handover, type Versions } from './lease-record.ts';

type LeaseClient = Pick<KubeClient, 'get' | 'create' | 'replace'>;

interface Link {
  state: 'up' | 'down' | 'hanging';
  /** How long each request takes to reach the server. */
  delay?: () => Promise<void>;
  /** Requests of that verb reach the server no sooner. */
  held?: { verb: 'get' | 'replace'; until: Promise<void> };
}

/** What else is different about a candidate. */
type Ways = Partial<Pick<ElectorOptions, 'hear' | 'mayRelease' | 'random' | 'onStarted' | 'handover'>>;

/** One lease on a server, with preconditions. */
class LeaseServer {
  lease: Lease | undefined;
  #version = 0;

  client(link: Link = { state: 'up' }): LeaseClient {
    const reach = async (verb: string): Promise<void> => {
      if (link.held?.verb === verb) await link.held.until;
      await link.delay?.();
      if (link.state === 'hanging') await new Promise(() => undefined);
      if (link.state === 'down') throw new ApiError({ status: 0, reason: 'Unreachable', message: 'down' });
    };
    return {
      get: async () => (await reach('get'), this.get()) as never,
      create: async (_kind, object) => {
        await reach('create');
        if (this.lease) throw new ApiError({ status: 409, reason: 'AlreadyExists', message: '' });
        return this.#store(object) as never;
      },
      replace: async (_kind, object) => {
        await reach('replace');
        const stale = object.metadata.resourceVersion !== this.lease?.metadata.resourceVersion;
        if (stale) throw new ApiError({ status: 409, reason: 'Conflict', message: '' });
        return this.#store(object) as never;
      },
    };
  }

  get = (): Lease | undefined => structuredClone(this.lease);

  #store(lease: Lease): Lease {
    const metadata = { ...lease.metadata, resourceVersion: String(++this.#version) };
    this.lease = structuredClone({ ...lease, metadata });
    return this.lease;
  }
}

describe('leader election', () => {
  let server: LeaseServer;
  let stops: AbortController[];
  let runs: Promise<void>[];

  /** A candidate with a clock of its own. */
  const stand = (identity: string, clock: ManualClock, link?: Link & Ways) => {
    const stop = new AbortController();
    const story: string[] = [];
    const elector = new Elector({
      client: server.client(link),
      namespace: 'sb-system',
      name: 'sb-operator',
      identity,
      clock,
      random: () => 0,
      log: recordingLog(),
      onStarted: () => story.push('started'),
      onLost: async () => void story.push('lost'),
      ...link,
    });
    const run = elector.run(stop.signal);
    stops.push(stop);
    runs.push(run);
    return { elector, story, stop, run };
  };
  beforeEach(() => {
    server = new LeaseServer();
    stops = [];
    runs = [];
  });
  afterEach(async () => {
    for (const stop of stops) stop.abort();
    await Promise.all(runs);
  });

  it('creates the lease and renews it every 2 s', async () => {
    const clock = new ManualClock();
    const { elector } = stand('a', clock);
    await clock.advance(1);
    expect(elector.isLeader()).to.equal(true);
    expect(server.lease?.spec).to.deep.equal({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
    await clock.advance(2000);
    expect(server.lease?.spec?.renewTime).to.equal('2026-01-01T00:00:02.000000Z');
    expect(server.lease?.spec?.acquireTime).to.equal('2026-01-01T00:00:00.000000Z');
  });

  it('lets one of two lead; the other follows 15 s after the last renewal it saw', async () => {
    const clock = new ManualClock();
    const link: { state: 'up' | 'down' } = { state: 'up' };
    const first = stand('a', clock, link);
    await clock.advance(100);
    const second = stand('b', clock);
    await clock.advance(20_000);
    expect([first.elector.isLeader(), second.elector.isLeader()]).to.deep.equal([true, false]);
    link.state = 'down';
    await clock.advance(12_000);
    expect([first.elector.isLeader(), second.elector.isLeader()]).to.deep.equal([false, false]);
    await clock.advance(8000);
    expect(second.elector.isLeader()).to.equal(true);
    expect(server.lease?.spec?.leaseTransitions).to.equal(1);
    link.state = 'up';
    await clock.advance(20_000);
    expect(first.elector.isLeader()).to.equal(false);
  });

  it('has a dead leader followed as soon as its lease runs out, and asks no more often for that', async () => {
    const clock = new ManualClock();
    const link: Link = { state: 'up' };
    stand('a', clock, link);
    await clock.advance(100);
    const second = stand('b', clock);
    // It looks every 2 s: 14 s after it saw the lease first, and then as that runs out.
    await clock.advance(400);
    link.state = 'down';
    let gets = 0;
    const { get } = server;
    server.get = () => ((gets += 1), get());
    await clock.advance(14_500);
    expect(second.elector.isLeader()).to.equal(false);
    await clock.advance(200);
    expect([second.elector.isLeader(), gets]).to.deep.equal([true, 8]);
  });

  it('asks a server that does not answer no more often because the lease runs out', async () => {
    const clock = new ManualClock();
    const link: Link = { state: 'up' };
    stand('a', clock);
    await clock.advance(100);
    const second = stand('b', clock, link);
    await clock.advance(1000);
    let gets = 0;
    Object.defineProperty(link, 'state', { get: () => ((gets += 1), 'down') });
    stops[0]?.abort();
    await clock.advance(20_000);
    expect(gets / 2).to.be.within(9, 11);
    expect(second.elector.isLeader()).to.equal(false);
  });

  it('steps down 10 s after the last renewal when the server is out of reach, before others take over (fault 20)', async () => {
    for (const state of ['down', 'hanging'] as const) {
      server = new LeaseServer();
      const clock = new ManualClock();
      const link: { state: 'up' | 'down' | 'hanging' } = { state: 'up' };
      const { elector, story } = stand('a', clock, link);
      await clock.advance(1);
      link.state = state;
      await clock.advance(9900);
      expect(elector.isLeader(), state).to.equal(true);
      await clock.advance(200);
      expect(elector.isLeader(), state).to.equal(false);
      expect(story, state).to.deep.equal(['started', 'lost']);
      // A request that hangs for ever would keep the candidate from ending.
      if (state === 'hanging') void runs.pop();
      else await clock.advance(1);
    }
  });

  it('gives a lease away that became its own while it was told to stop', async () => {
    const { stop, run } = stand('a', new ManualClock());
    stop.abort();
    await run;
    expect(server.lease?.spec?.holderIdentity).to.equal('');
  });

  it('leads again when the server is back', async () => {
    const clock = new ManualClock();
    const link: { state: 'up' | 'down' } = { state: 'up' };
    const { elector, story } = stand('a', clock, link);
    await clock.advance(1);
    link.state = 'down';
    await clock.advance(60_000);
    link.state = 'up';
    await clock.advance(5000);
    expect(elector.isLeader()).to.equal(true);
    expect(story).to.deep.equal(['started', 'lost', 'started']);
  });

  it('is no leader right after a stall of the event loop, before anybody could be told (fault 16)', async () => {
    const clock = new ManualClock();
    const { elector } = stand('a', clock);
    await clock.advance(1);
    clock.stall(10_000);
    expect(elector.isLeader()).to.equal(false);
  });

  it('hands over when it was starved for a minute, and follows the new leader', async () => {
    const starved = new ManualClock();
    const well = new ManualClock();
    const first = stand('a', starved);
    await starved.advance(1);
    const second = stand('b', well);
    starved.stall(60_000);
    for (let tick = 0; tick < 60; tick++) {
      await well.advance(1000);
      expect(first.elector.isLeader()).to.equal(false);
    }
    expect(second.elector.isLeader()).to.equal(true);
    for (let tick = 0; tick < 30; tick++) await Promise.all([starved.advance(1000), well.advance(1000)]);
    expect([first.elector.isLeader(), second.elector.isLeader()]).to.deep.equal([false, true]);
    expect(first.story).to.deep.equal(['started', 'lost']);
    expect(second.story).to.deep.equal(['started']);
  });

  it('ends its term and begins another when it was starved for a minute and nobody else stood', async () => {
    const clock = new ManualClock();
    const { elector, story } = stand('a', clock);
    await clock.advance(1);
    clock.stall(60_000);
    expect(elector.isLeader()).to.equal(false);
    await clock.advance(5000);
    expect(elector.isLeader()).to.equal(true);
    expect(story).to.deep.equal(['started', 'lost', 'started']);
  });

  it('begins another term where somebody led and gave the lease away while it was starved', async () => {
    const clock = new ManualClock();
    const { story } = stand('a', clock);
    await clock.advance(1);
    const lease = server.lease as Lease;
    const spec = { ...lease.spec, holderIdentity: '', leaseTransitions: 2 };
    await server.client().replace({} as never, { ...lease, spec } as never);
    await clock.advance(5000);
    expect(story).to.deep.equal(['started', 'lost', 'started']);
  });

  for (const verb of ['get', 'replace'] as const)
    it(`is no leader by a renewal whose ${verb} was under way when it was starved and another took over`, async () => {
      const starved = new ManualClock();
      const well = new ManualClock();
      const link: Link = { state: 'up' };
      const first = stand('a', starved, link);
      await starved.advance(1);
      const { promise, resolve } = Promise.withResolvers<void>();
      link.held = { verb, until: promise };
      await starved.advance(2000);
      starved.stall(60_000);
      const second = stand('b', well);
      await well.advance(20_000);
      expect(second.elector.isLeader()).to.equal(true);
      delete link.held;
      resolve();
      await starved.advance(1);
      expect(first.elector.isLeader()).to.equal(false);
      await starved.advance(5000);
      expect(first.story).to.deep.equal(['started', 'lost']);
      expect(server.lease?.spec?.holderIdentity).to.equal('b');
    });

  it('never has two leaders, whatever the clocks say (faults 21 and 22)', async () => {
    const ahead = new ManualClock(Date.parse('2031-01-01T00:00:00Z'));
    const behind = new ManualClock(Date.parse('2001-01-01T00:00:00Z'));
    const first = stand('a', ahead);
    await ahead.advance(1);
    const second = stand('b', behind);
    for (let tick = 0; tick < 100; tick++) {
      await ahead.advance(500);
      await behind.advance(500);
      if (tick === 50) behind.jump(-1e9);
      if (tick === 60) ahead.jump(1e9);
      expect(first.elector.isLeader() && second.elector.isLeader()).to.equal(false);
    }
    expect(first.elector.isLeader()).to.equal(true);
    expect(first.story).to.deep.equal(['started']);
  });

  it('loses at once when somebody else holds the lease (fault 21)', async () => {
    const clock = new ManualClock();
    const { story } = stand('a', clock);
    await clock.advance(1);
    const lease = server.lease as Lease;
    const spec = { ...lease.spec, holderIdentity: 'b' };
    await server.client().replace({} as never, { ...lease, spec } as never);
    await clock.advance(2001);
    expect(story).to.deep.equal(['started', 'lost']);
  });

  it('gives the lease away when it stops, so that the next leads at once', async () => {
    const clock = new ManualClock();
    const first = stand('a', clock);
    await clock.advance(1);
    const second = stand('b', clock);
    await clock.advance(4000);
    first.stop.abort();
    await first.run;
    expect(server.lease?.spec).to.include({ holderIdentity: '', leaseDurationSeconds: 1 });
    await clock.advance(2001);
    expect(second.elector.isLeader()).to.equal(true);
  });

  it('gives it away also where a renewal was on its way when it stopped, and came first', async () => {
    const clock = new ManualClock();
    const link: Link = { state: 'up' };
    const { stop, run } = stand('a', clock, link);
    await clock.advance(1);
    const arrival = Promise.withResolvers<void>();
    link.held = { verb: 'replace', until: arrival.promise };
    await clock.advance(2500);
    stop.abort();
    await clock.advance(1);
    arrival.resolve();
    await run;
    expect(server.lease?.spec?.holderIdentity).to.equal('');
  });

  it('claims nothing by a look that was under way when it gave the lease away', async () => {
    const clock = new ManualClock();
    const link: Link = { state: 'up' };
    const { stop, run } = stand('a', clock, link);
    await clock.advance(1);
    const arrival = Promise.withResolvers<void>();
    link.held = { verb: 'get', until: arrival.promise };
    await clock.advance(2500);
    delete link.held;
    stop.abort();
    await run;
    arrival.resolve();
    await clock.advance(1);
    expect(server.lease?.spec?.holderIdentity).to.equal('');
  });

  it('keeps a lease to itself under which something may still be under way, until it expires', async () => {
    const clock = new ManualClock();
    const first = stand('a', clock, { state: 'up', mayRelease: () => false });
    await clock.advance(1);
    const second = stand('b', clock);
    await clock.advance(4000);
    first.stop.abort();
    await first.run;
    expect(first.elector.isLeader()).to.equal(false);
    await clock.advance(14_000);
    expect([server.lease?.spec?.holderIdentity, second.elector.isLeader()]).to.deep.equal(['a', false]);
    await clock.advance(4000);
    expect(second.elector.isLeader()).to.equal(true);
  });

  it('tells what the leader before handed over with the lease, once and to the next one', async () => {
    const clock = new ManualClock();
    const handover = new Handover('note', () => ({ 'batch/jobs': '7' }));
    const told: (Versions | undefined)[] = [];
    const onStarted = (handed?: Versions): unknown => told.push(handed);
    /** Stands, leads and gives the lease away. */
    const pass = async (identity: string, ways: Ways): Promise<void> => {
      const { stop, run } = stand(identity, clock, { state: 'up', onStarted, ...ways });
      await clock.advance(100);
      if (ways.handover) expect(server.lease?.metadata.annotations ?? {}).to.deep.equal({});
      stop.abort();
      await run;
      await clock.advance(2000);
    };
    await pass('first', { handover });
    await pass('second', { handover });
    await pass('third', {});
    await pass('fourth', { handover });
    expect(told).to.deep.equal([undefined, { 'batch/jobs': '7' }, undefined, undefined]);
  });

  it('waits for the holder of a lease that somebody deletes', async () => {
    const clock = new ManualClock();
    const news: (() => void)[] = [];
    const hear = (look: () => void): unknown => news.push(look);
    const first = stand('a', clock);
    await clock.advance(1500);
    const second = stand('b', clock, { state: 'up', hear });
    await clock.advance(1);
    server.lease = undefined;
    for (const look of news) look();
    await clock.advance(1);
    expect([first.elector.isLeader(), second.elector.isLeader()]).to.deep.equal([true, false]);
    await clock.advance(1000);
    expect([first.elector.isLeader(), second.elector.isLeader()]).to.deep.equal([true, false]);
  });

  describe('of candidates that hear of the lease', () => {
    let clock: ManualClock;
    let news: Set<(lease?: Lease) => void>;
    const hear = (look: (lease?: Lease) => void, signal: AbortSignal): void => {
      news.add(look);
      signal.addEventListener('abort', () => news.delete(look));
    };
    const tell = async (lease = server.get()): Promise<void> => {
      for (const look of news) look(lease);
      await clock.advance(1);
    };
    beforeEach(() => {
      clock = new ManualClock();
      news = new Set();
    });

    it('has one lead as soon as the lease is given away, however many stand by', async () => {
      const first = stand('a', clock);
      await clock.advance(1);
      const others = ['b', 'c', 'd'].map((name) => stand(name, clock, { state: 'up', hear }));
      await clock.advance(100);
      first.stop.abort();
      await first.run;
      await tell();
      expect(others.filter(({ elector }) => elector.isLeader())).to.have.length(1);
      expect(news.size).to.equal(2);
    });

    it('has nobody lead by news that are old', async () => {
      const gone = stand('gone', clock);
      await clock.advance(1);
      gone.stop.abort();
      await gone.run;
      const free = server.get();
      const first = stand('a', clock);
      await clock.advance(1);
      const second = stand('b', clock, { state: 'up', hear });
      for (let tick = 0; tick < 100; tick++) {
        await clock.advance(250);
        await tell(free);
        expect([first.elector.isLeader(), second.elector.isLeader()]).to.deep.equal([true, false]);
      }
    });

    it('asks for nothing while it hears that the lease is renewed', async () => {
      stand('a', clock);
      await clock.advance(1);
      let asked = 0;
      const delay = async (): Promise<void> => void (asked += 1);
      const second = stand('b', clock, { state: 'up', hear, delay });
      await clock.advance(1);
      for (let tick = 0; tick < 20; tick++) {
        await clock.advance(1000);
        await tell();
      }
      expect([asked, second.elector.isLeader()]).to.deep.equal([1, false]);
    });

    it('misses nothing that it hears while it looks', async () => {
      const first = stand('a', clock);
      await clock.advance(1);
      const link: Link & Ways = { state: 'up', hear };
      const arrival = Promise.withResolvers<void>();
      const second = stand('b', clock, link);
      await clock.advance(1);
      link.held = { verb: 'replace', until: arrival.promise };
      first.stop.abort();
      await first.run;
      await tell();
      // Its claim is on the way, and somebody else changes the lease before it arrives, who goes as well.
      delete link.held;
      stand('c', clock).stop.abort();
      await clock.advance(1);
      expect(server.lease?.spec).to.include({ holderIdentity: '', leaseTransitions: 1 });
      await tell();
      arrival.resolve();
      await clock.advance(1);
      expect(second.elector.isLeader()).to.equal(true);
    });

    it('goes on looking by itself where it hears nothing', async () => {
      const first = stand('a', clock);
      await clock.advance(1);
      const second = stand('b', clock, { state: 'up', hear: () => undefined });
      await clock.advance(100);
      first.stop.abort();
      await first.run;
      await clock.advance(2001);
      expect(second.elector.isLeader()).to.equal(true);
    });
  });

  describe('on slow and broken ways to the server', () => {
    let clock: ManualClock;
    let random: () => number;
    let links: Link[];
    let news: Set<(lease?: Lease) => void>;
    let past: (Lease | undefined)[];
    let candidates: ReturnType<typeof stand>[];

    const join = (): void => {
      const delay = (): Promise<void> => sleep(clock, Math.round(6000 * random() ** 8));
      const hear = (look: (lease?: Lease) => void): unknown => news.add(look);
      const link = { state: 'up' as const, delay, hear, random };
      links.push(link);
      candidates.push(stand(`${candidates.length}`, clock, link));
    };

    /** Ways break and are well again, some news come, late and in any order, and now and then somebody goes. */
    const happen = (): void => {
      for (const link of links) if (random() < 0.05) link.state = random() < 0.5 ? 'down' : 'up';
      past.push(server.get());
      const lately = (): Lease | undefined => past.at(-1 - Math.floor(10 * random() ** 4));
      for (const look of news) if (random() < 0.7) look(lately());
      if (random() < 0.01) candidates[Math.floor(random() * candidates.length)]?.stop.abort();
    };

    /** Resolves to how many terms there were. */
    const live = async (seed: number): Promise<number> => {
      [server, clock, random, links, news, past, candidates] = [
        new LeaseServer(),
        new ManualClock(),
        seeded(seed),
        [],
        new Set(),
        [],
        [],
      ];
      for (let tick = 0; tick < 320; tick++) {
        if (tick % 80 === 0) join();
        await clock.advance(500);
        happen();
        const leaders = candidates.filter(({ elector }) => elector.isLeader());
        expect(leaders.length, `seed ${seed}, tick ${tick}`).to.be.below(2);
      }
      for (const link of links) link.state = 'up';
      for (const { stop } of candidates) stop.abort();
      await clock.advance(20_000);
      return candidates.flatMap(({ story }) => story).filter((what) => what === 'started').length;
    };

    it('never has two leaders, whoever comes and goes', async () => {
      let terms = 0;
      for (let seed = 1; seed <= 10; seed++) terms += await live(seed);
      expect(terms).to.be.above(30);
    });
  });
});

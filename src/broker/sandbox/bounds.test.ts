import { expect } from 'chai';
import type { WebSocket } from 'ws';
import { sandboxJob, sandboxWith } from '../../../test/support/broker/objects.ts';
import { cacheOf, TestCluster, WritableCache } from '../../../test/support/broker/cluster.ts';
import { relayTo, type Relay } from '../../../test/support/broker/relay.ts';
import {
  BEYOND_SOCKETS,
  closed,
  RefusedUpgrade,
  SandboxWorld,
  standstill,
} from '../../../test/support/broker/sandbox-world.ts';
import { until } from '../../../test/support/kube.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import type { Job } from '../../kube/kinds.ts';
import type { Refused } from '../refusal.ts';
import { ACCESS_REVIEWS, accessReviews } from './access-review.ts';
import { adoptions, WAITING_MAX } from './adoption.ts';
import { SANDBOX_TIMES } from './doors.ts';
import type { Bounds } from './places.ts';

const FREE: Bounds = { perCaller: 9, perSandbox: 9, total: 9 };
const MIB = 2 ** 20;

describe('connections to Sandboxes are bounded', () => {
  let world: SandboxWorld;
  let relay: Relay | undefined;

  const start = async (bounds: Partial<Bounds> = {}): Promise<void> => {
    world = new SandboxWorld();
    world.users.set('bob-token', { username: 'bob' });
    world.rules.set('bob', ['evals/*']);
    await world.start({
      bounds: { ...FREE, ...bounds },
      times: { ...SANDBOX_TIMES, dialMs: 1500, closeMs: 500 },
      ...(relay && { ports: { sandboxes: relay.port, trials: relay.port } }),
    });
    if (relay) relay.target = world.courierPort;
  };
  afterEach(async () => {
    await world.close();
    await relay?.close();
    relay = undefined;
  });

  const dialAs = async (who: 'jane' | 'bob'): Promise<WebSocket> =>
    world.dial({ token: await world.sessionToken({ body: { token: `${who}-token` } }) });
  const refusedAs = async (who: 'jane' | 'bob'): Promise<string> => {
    const error: unknown = await dialAs(who).catch((caught: unknown) => caught);
    if (!(error instanceof RefusedUpgrade)) throw new Error(`not refused: ${String(error)}`);
    return `${error.status} ${String(error.json['error'])}`;
  };
  const open = async (): Promise<number> => {
    const [, count = '-1'] =
      /^sb_broker_sandbox_connections_open (\d+)$/m.exec(await world.registry.metrics()) ?? [];
    return Number(count);
  };
  const areOpen = async (count: number): Promise<void> => {
    for (let tries = 0; (await open()) !== count; tries++) {
      if (tries === 500) throw new Error(`${await open()} connections are open, not ${count}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };

  it('for a caller, whatever others have; a place is free again at an end', async () => {
    await start({ perCaller: 2 });
    const [first] = [await dialAs('jane'), await dialAs('jane')];
    expect(await refusedAs('jane')).to.equal('429 you have 2 connections here; close one first');
    await dialAs('bob');
    first.close();
    await areOpen(2);
    await dialAs('jane');
  });

  it('in all, whoever comes; a place is free again at an end', async () => {
    await start({ total: 2 });
    const [first] = [await dialAs('jane'), await dialAs('bob')];
    for (const who of ['jane', 'bob'] as const)
      expect(await refusedAs(who)).to.equal('503 2 connections are open here; try again');
    first.close();
    await areOpen(1);
    await dialAs('bob');
  });

  it('also where one is reset: the other end learns it, and the place is given back', async () => {
    relay = await relayTo(0);
    await start({ total: 1 });
    const lost = await dialAs('jane');
    await world.courier();
    const ending = closed(lost);
    relay.reset();
    expect(await ending).to.deep.equal([4003, 'CourierLost']);
    await areOpen(0);
    const entrance = await relayTo(world.broker.port);
    const program = await world.dial({ port: entrance.port });
    const courier = await world.courier(1);
    program.on('error', () => undefined);
    entrance.reset();
    await until('the courier’s end is closed', () => courier.destroyed);
    await areOpen(0);
    await dialAs('jane');
    await entrance.close();
  });

  it('where a courier speaks without end: it is read as fast as the program reads, and let go with it', async () => {
    let written = 0;
    await start({ total: 1 });
    world.onConnection = (courier) => {
      const more = (): void => {
        for (let go = true; go && courier.writable; written += 65_536)
          go = courier.write(Buffer.alloc(65_536));
      };
      courier.on('drain', more);
      more();
    };
    const socket = await dialAs('jane');
    await until('it reads much', () => written > 40 * MIB);
    socket.pause();
    const before = written;
    await standstill(() => written);
    expect(written - before).to.be.lessThan(BEYOND_SOCKETS);
    socket.terminate();
    const courier = await world.courier();
    await until('the courier is let go', () => courier.destroyed);
    await areOpen(0);
  });
});

describe('questions to the API server whether somebody may enter a Sandbox', () => {
  const second = new Date('2026-06-01T00:00:00Z');
  let asked: number;
  let now: Date;
  let ask: (name: string, sandbox: string) => Promise<Refused | undefined>;

  beforeEach(() => {
    const cluster = new TestCluster();
    [asked, now] = [0, second];
    cluster.reviews.set('SubjectAccessReview', () => {
      asked += 1;
      return { status: { allowed: true } };
    });
    const reviews = accessReviews({ kube: cluster.kube, now: () => now });
    ask = (name, sandbox) =>
      reviews({ name, groups: [], way: 'Token' }, { namespace: 'evals', name: sandbox });
  });
  const many = (name: string, count: number, prefix = 'box') =>
    Promise.all(Array.from({ length: count }, (_, number) => ask(name, `${prefix}-${number}`)));
  const reasons = (answers: (Refused | undefined)[]): string[] =>
    answers.flatMap((answer) => (answer ? [`${answer.status} ${answer.reason}`] : []));

  it('are so many of a caller within a second, of which no other pays, and known answers cost none', async () => {
    expect(reasons(await many('eve', ACCESS_REVIEWS.each + 5))).to.deep.equal(Array(5).fill('503 Busy'));
    expect(reasons(await many('jane', 3))).to.deep.equal([]);
    expect(reasons(await many('eve', ACCESS_REVIEWS.each))).to.deep.equal([]);
    expect(asked).to.equal(ACCESS_REVIEWS.each + 3);
    now = new Date(second.getTime() + 1000);
    expect(reasons(await many('eve', 5, 'other'))).to.deep.equal([]);
  });

  it('are so many in all within a second', async () => {
    const callers = Array.from(
      { length: ACCESS_REVIEWS.total / ACCESS_REVIEWS.each + 1 },
      (_, at) => `u${at}`,
    );
    const answers = await Promise.all(callers.map((caller) => many(caller, ACCESS_REVIEWS.each)));
    expect(asked).to.equal(ACCESS_REVIEWS.total);
    expect(reasons(answers.flat())).to.have.length(ACCESS_REVIEWS.each);
  });
});

describe('Pods of a pool that wait at the broker', () => {
  const pool = sandboxWith({ name: 'pool', spec: { pool: { size: 1 } } });
  const job = { namespace: 'evals', name: 'pool-s1' };
  const wait = { job, pool: 'pool-uid', ms: 200, signal: new AbortController().signal };

  it(`are ${WAITING_MAX} at most: the next one asks again, until another has gone`, async () => {
    const clock = new ManualClock();
    const sandboxJobs = cacheOf<Job>(sandboxJob(pool));
    const waiting = adoptions({ sandboxJobs, clock });
    let done = 0;
    const leaving = new AbortController();
    const all = Array.from({ length: WAITING_MAX }, (_, number) =>
      waiting.wait(number === 0 ? { ...wait, signal: leaving.signal } : wait).then(() => (done += 1)),
    );
    await waiting.wait(wait);
    expect(done).to.equal(0);
    leaving.abort();
    await all[0];
    let isOver = false;
    const next = waiting.wait(wait).then(() => (isOver = true));
    await clock.advance(100);
    expect(isOver).to.equal(false);
    await clock.advance(200);
    await Promise.all([...all, next]);
  });

  it('of a namespace with most of them make way for those of another, until both have as many', async () => {
    const clock = new ManualClock();
    const waiting = adoptions({ sandboxJobs: cacheOf<Job>(sandboxJob(pool)), clock });
    const gone = { evals: 0, next: 0 };
    const begin = (namespace: keyof typeof gone): Promise<number> =>
      waiting.wait({ ...wait, job: { namespace, name: 'pool-s1' } }).then(() => (gone[namespace] += 1));
    const all = Array.from({ length: WAITING_MAX }, () => begin('evals'));
    all.push(...Array.from({ length: WAITING_MAX / 2 + 10 }, () => begin('next')));
    await clock.advance(100);
    expect(gone).to.deep.equal({ evals: WAITING_MAX / 2, next: 10 });
    await clock.advance(200);
    await Promise.all(all);
  });

  it('all go when the broker closes', async () => {
    const sandboxJobs = new WritableCache<Job>();
    sandboxJobs.put(sandboxJob(pool));
    const waiting = adoptions({ sandboxJobs, clock: new ManualClock() });
    const all = Array.from({ length: 3 }, () => waiting.wait(wait));
    waiting.close();
    await Promise.all(all);
  });
});

import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { inParallel } from '../../src/async/in-parallel.ts';
import { conditionOf } from '../../src/crds/conditions.ts';
import { standingOf } from '../../src/crds/sandbox-reasons.ts';
import { Sandbox as SandboxKind } from '../../src/crds/kinds.ts';
import { LABEL } from '../../src/crds/names.ts';
import type { Sandbox, SandboxSpec } from '../../src/crds/sandbox.ts';
import { Job as JobKind } from '../../src/kube/kinds.ts';
import { controllerOf } from '../../src/pods/ownership.ts';
import { isActive } from '../../src/pods/reading/job.ts';
import {
  aSandbox,
  DISRUPTED,
  endedWith,
  heldFor,
  RUNNING,
  SCHEDULED,
} from '../support/builders/sandboxes.ts';
import { until } from '../support/kube.ts';
import { isTerminal } from './invariants.ts';
import type { SeenRequest } from '../support/api-server.ts';
import type { Death } from '../support/mortal.ts';
import { SandboxKubelet } from '../support/sandbox-kubelet.ts';
import { THOROUGH } from './thorough.ts';
import { isWrite, World } from './world.ts';

const data = { name: 'data', mountPath: '/data', size: '1Gi', accessMode: 'ReadWriteOnce' as const };
const IDLE = '{"ended":"Idle","lastActivityTime":"2026-01-01T00:00:40Z"}';

/** A cluster with Sandboxes. */
class Boxes {
  readonly world: World;
  readonly kubelet: SandboxKubelet;
  /** Of any pool: the most Jobs that it had at one time beyond its size. */
  beyond = 0;

  constructor(world: World) {
    this.world = world;
    this.kubelet = new SandboxKubelet(world.server);
    world.server.collection(JobKind).watchers.add(() => this.#count());
  }

  static async start(haste = 10): Promise<Boxes> {
    return new Boxes(await World.start({ haste }));
  }

  #count(): void {
    for (const pool of this.all.filter(({ spec }) => spec.pool))
      this.beyond = Math.max(this.beyond, this.kubelet.jobsOf(pool).length - (pool.spec.pool?.size ?? 0));
  }

  get all(): Sandbox[] {
    return [...this.world.server.collection(SandboxKind).objects.values()] as unknown as Sandbox[];
  }

  find(name: string): Sandbox | undefined {
    return this.all.find(({ metadata }) => metadata.name === name);
  }

  add(name: string, spec: Partial<SandboxSpec> = {}): void {
    const { metadata: _, ...sandbox } = aSandbox({ spec });
    this.world.add(SandboxKind, { ...sandbox, metadata: { name, namespace: 'default' } });
  }

  change(name: string, spec: Partial<SandboxSpec>): void {
    const found = this.find(name);
    if (found)
      this.world.server.collection(SandboxKind).update({ ...found, spec: { ...found.spec, ...spec } });
  }

  reason(name: string): string | undefined {
    const found = this.find(name);
    return found && standingOf(found)?.reason;
  }

  async become(reason: string, ...names: string[]): Promise<void> {
    await until(`${names.join()} are ${reason}`, () => names.every((name) => this.reason(name) === reason));
  }

  jobs(name: string): string[] {
    const found = this.find(name);
    return found ? this.kubelet.jobsOf(found).map(({ metadata }) => metadata.name) : [];
  }

  /** Writes about Sandboxes so far, one line each. */
  get writes(): string[] {
    return this.world.server.requests
      .filter((request) => isWrite(request) && !/networkpolicies/.test(request.path))
      .map(({ method, path }) => `${method} ${path.replace(/.*default\//, '')}`);
  }
}

describe('a Sandbox', () => {
  let boxes: Boxes;

  beforeEach(async () => {
    boxes = await Boxes.start();
  });
  afterEach(() => boxes.world.close());

  it('costs four writes from its creation to its suspension, and as many for the next round', async () => {
    await boxes.world.startOperator();
    boxes.add('box');
    await boxes.become('Ready', 'box');
    expect(boxes.writes).to.deep.equal(['POST jobs', 'PUT sandboxes/box/status']);
    boxes.change('box', { operatingMode: 'Suspended' });
    await until('the Job is gone', () => boxes.kubelet.jobs.length === 0);
    expect(boxes.writes.slice(2)).to.deep.equal(['PUT sandboxes/box/status', 'DELETE jobs/box-s1']);
    boxes.change('box', { operatingMode: 'Running' });
    await boxes.become('Ready', 'box');
    expect(boxes.writes.slice(4)).to.deep.equal(['POST jobs', 'PUT sandboxes/box/status']);
    expect(boxes.find('box')?.status).to.include({ jobName: 'box-s2' });
  });

  it('costs three where its container ends by itself, and stays as it ended', async () => {
    await boxes.world.startOperator();
    boxes.add('box');
    await boxes.become('Ready', 'box');
    const ended = endedWith({ exitCode: 137, reason: 'OOMKilled' });
    // The Pod's phase, and the Job with it, come later.
    boxes.kubelet.tell('box-s1', { ...RUNNING, containerStatuses: ended.containerStatuses ?? [] });
    await boxes.become('OOMKilled', 'box');
    boxes.kubelet.end('box-s1', ended);
    expect(boxes.writes).to.deep.equal(['POST jobs', 'PUT sandboxes/box/status', 'PUT sandboxes/box/status']);
    boxes.world.kill();
    await boxes.world.startOperator();
    boxes.change('box', { ttlSeconds: 3600 });
    await until('its time is told', () => boxes.find('box')?.status?.expiresAt !== undefined);
    expect(boxes.reason('box')).to.equal('OOMKilled');
    expect(boxes.jobs('box')).to.deep.equal([]);
  });

  it('is made again after an eviction where it asks for that, with the same disk', async () => {
    await boxes.world.startOperator();
    boxes.add('box', { recreatePolicy: 'OnLoss', volumes: [data] });
    await boxes.become('Ready', 'box');
    const evicted = endedWith({ exitCode: 137, reason: 'Error' }, DISRUPTED('EvictionByEvictionAPI'));
    boxes.kubelet.end('box-s1', evicted, { reason: 'PodFailurePolicy' });
    await boxes.become('Retrying', 'box');
    boxes.world.pass(10_000);
    await boxes.become('Ready', 'box');
    expect(boxes.find('box')?.status?.attempts?.map(({ reason }) => reason)).to.deep.equal([
      'Evicted',
      undefined,
    ]);
    expect(boxes.kubelet.claims).to.deep.equal(['sb-sandbox-box-data']);
    expect(boxes.writes.filter((write) => write.includes('persistentvolumeclaims'))).to.have.length(1);
  });

  it('is deleted within two seconds of its time, with its disk', async () => {
    await boxes.world.startOperator();
    const created = Date.now();
    boxes.add('box', { ttlSeconds: 2, volumes: [data] });
    await boxes.become('Ready', 'box');
    await until('it is gone', () => boxes.find('box') === undefined);
    expect(Date.now() - created).to.be.within(1000, 10_000);
    expect(boxes.kubelet.claims).to.deep.equal([]);
  });

  it('has no Job while it is expired, and one again once its lifetime is extended', async () => {
    await boxes.world.startOperator();
    boxes.add('box', { ttlSeconds: 1, expiryAction: 'Suspend', volumes: [data] });
    await boxes.become('Expired', 'box');
    await until('the Job is gone', () => boxes.kubelet.jobs.length === 0);
    boxes.change('box', { ttlSeconds: 3600 });
    await boxes.become('Ready', 'box');
    expect(boxes.kubelet.claims).to.deep.equal(['sb-sandbox-box-data']);
  });

  it('that nobody used goes, or says so', async () => {
    await boxes.world.startOperator();
    boxes.add('goes', { idleTimeoutSeconds: 5 });
    boxes.add('stays', { idleTimeoutSeconds: 5, expiryAction: 'Suspend' });
    await boxes.become('Ready', 'goes', 'stays');
    for (const name of ['goes-s1', 'stays-s1'])
      boxes.kubelet.end(name, endedWith({ exitCode: 0, reason: 'Completed' }, { lastWord: IDLE }));
    await boxes.become('IdleTimeout', 'stays');
    await until('the other is gone', () => boxes.find('goes') === undefined);
    expect(boxes.find('stays')?.status?.lastActivityTime).to.equal('2026-01-01T00:00:40Z');
  });

  it('says within two seconds why it is not ready', async () => {
    await boxes.world.startOperator();
    boxes.kubelet.status = () => heldFor('ImagePullBackOff', 'not found');
    const created = Date.now();
    boxes.add('box');
    await boxes.become('ImagePullBackOff', 'box');
    expect(Date.now() - created).to.be.below(2000);
  });

  it('has no Job where its list of hosts has an entry that is none, or its pool’s has', async () => {
    await boxes.world.startOperator();
    const network = {
      mode: 'Allowlist' as const,
      allowedHosts: ['10.0.0.1/8'],
      enforcement: 'BestEffort' as const,
    };
    boxes.add('box', { network });
    boxes.add('pool', { network, pool: { size: 1 } });
    boxes.add('from', { poolRef: { name: 'pool' } });
    await boxes.become('InvalidNetwork', 'box', 'pool', 'from');
    expect(boxes.kubelet.jobs).to.deep.equal([]);
  });

  it('does not touch what another owner has under its name', async () => {
    boxes.world.add(JobKind, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'box-s1', namespace: 'default', labels: { [LABEL.sandbox]: 'x' } },
    });
    await boxes.world.startOperator();
    boxes.add('box');
    await boxes.become('NameConflict', 'box');
    expect(boxes.writes.filter((write) => write.startsWith('DELETE'))).to.deep.equal([]);
  });

  it('runs beside a Trial of its name, whichever came first', async () => {
    const { world } = boxes;
    await world.startOperator();
    boxes.add('box');
    await boxes.become('Ready', 'box');
    world.apply('box');
    world.apply('late');
    await until('the Trials have ended', () => world.trials.every(isTerminal));
    for (const trial of world.trials)
      expect(conditionOf(trial, 'Succeeded'), trial.metadata.name).to.include({ reason: 'RewardObtained' });
    boxes.add('late');
    await boxes.become('Ready', 'box', 'late');
  });
});

describe('a pool of Sandboxes', () => {
  let boxes: Boxes;
  const names = Array.from({ length: 5 }, (_, at) => `box-${at}`);

  beforeEach(async () => {
    boxes = await Boxes.start();
  });
  afterEach(() => boxes.world.close());

  it('gives each Sandbox a Pod of its own, and is filled again', async () => {
    await boxes.world.startOperator();
    boxes.add('pool', { pool: { size: 3 } });
    await until('it is full', () => boxes.find('pool')?.status?.pool?.ready === 3);
    for (const name of names.slice(0, 3)) boxes.add(name, { poolRef: { name: 'pool' } });
    await boxes.become('Ready', ...names.slice(0, 3));
    await until('it is full again', () => boxes.jobs('pool').length === 3);
    const taken = names.slice(0, 3).flatMap((name) => boxes.jobs(name));
    expect(taken.toSorted()).to.deep.equal(['pool-s1', 'pool-s2', 'pool-s3']);
    expect(boxes.jobs('pool').toSorted()).to.deep.equal(['pool-s4', 'pool-s5', 'pool-s6']);
    expect(boxes.beyond).to.equal(0);
    for (const name of names.slice(0, 3)) {
      const own = boxes.find(name);
      expect(own?.status?.jobName).to.equal(boxes.jobs(name)[0]);
      expect(boxes.writes.filter((write) => write.includes(`/${name}/`))).to.have.length(1);
    }
  });

  it('makes no Job while some are taken, and as many as it lacks once they are', async () => {
    await boxes.world.startOperator();
    boxes.add('pool', { pool: { size: 9 } });
    const ready = (): number => boxes.kubelet.readyOf(boxes.find('pool')!);
    await until('it is full', () => ready() === 9);
    for (const name of names) boxes.add(name, { poolRef: { name: 'pool' } });
    await boxes.become('Ready', ...names);
    const before = boxes.writes;
    expect(before.filter((write) => write === 'POST jobs')).to.have.length(9);
    await until('it is full again', () => boxes.jobs('pool').length === 9);
    const since = boxes.writes.slice(before.length);
    expect(since.filter((write) => write === 'POST jobs')).to.have.length(names.length);
  });

  it('has two of its Pods start at the same time, while some are taken, too', async () => {
    boxes.kubelet.startMs = 20;
    await boxes.world.startOperator();
    let most = 0;
    const starting = (): number =>
      boxes.jobs('pool').length - (boxes.find('pool') ? boxes.kubelet.readyOf(boxes.find('pool')!) : 0);
    boxes.world.server.collection(JobKind).watchers.add(() => (most = Math.max(most, starting())));
    boxes.add('pool', { pool: { size: 8 } });
    await until('it is full', () => boxes.jobs('pool').length === 8 && starting() === 0);
    for (const name of names) boxes.add(name, { poolRef: { name: 'pool' } });
    await boxes.become('Ready', ...names);
    await until('it is full again', () => boxes.jobs('pool').length === 8);
    expect(names.flatMap((name) => boxes.jobs(name))).to.have.members(
      [1, 2, 3, 4, 5].map((at) => `pool-s${at}`),
    );
    expect(most).to.equal(2);
  });

  it('keeps no Sandbox waiting, however many pools have the API server take their Jobs slowly', async () => {
    await boxes.world.close();
    // In real time: a worker that gets no answer is free after a minute.
    boxes = await Boxes.start(1);
    await boxes.world.startOperator();
    boxes.add('pool', { pool: { size: 1 } });
    await until('it is full', () => boxes.jobs('pool').length === 1 && boxes.reason('pool') === 'Ready');
    const isJobOf = ({ method, path }: SeenRequest): boolean => method === 'POST' && path.endsWith('/jobs');
    boxes.world.server.faults.add({ on: isJobOf, fault: { kind: 'stall' }, times: 1000 });
    // More than there are workers for Sandboxes.
    for (let index = 0; index < 40; index += 1) boxes.add(`slow-${index}`, { pool: { size: 2 } });
    await until('some are made', () => boxes.world.server.requests.filter(isJobOf).length >= 5);
    boxes.add('box', { poolRef: { name: 'pool' } });
    await boxes.become('Ready', 'box');
    expect(boxes.jobs('box')).to.deep.equal(['pool-s1']);
    boxes.world.server.faults.clear();
  });

  it('makes none before its Jobs were counted, though the API server refuses to list them at first', async () => {
    await boxes.world.startOperator();
    const isCount = ({ method, path }: SeenRequest): boolean =>
      method === 'GET' && path.endsWith('/namespaces/default/jobs');
    const fault = { kind: 'status', status: 403, reason: 'Forbidden' } as const;
    boxes.world.server.faults.add({ on: isCount, fault, times: 2 });
    boxes.add('pool', { pool: { size: 2 } });
    await until('it is full', () => boxes.jobs('pool').length === 2);
    const asked = boxes.world.server.requests;
    const first = asked.findIndex(({ method, path }) => method === 'POST' && path.endsWith('/jobs'));
    expect(asked.slice(0, first).filter(isCount)).to.have.length(3);
  });

  it('leaves Sandboxes that find none to a start of their own, as the pool’s', async () => {
    await boxes.world.startOperator();
    boxes.add('pool', { pool: { size: 0 }, env: [{ name: 'A', value: '1' }] });
    boxes.add('box', { poolRef: { name: 'pool' } });
    await boxes.become('Ready', 'box');
    expect(boxes.jobs('box')).to.deep.equal(['box-s1']);
    const [job] = boxes.kubelet.jobs;
    expect(job?.spec?.template.spec?.containers[0]?.env).to.deep.equal([{ name: 'A', value: '1' }]);
  });

  it('takes with it what nobody took, and leaves what somebody did', async () => {
    await boxes.world.startOperator();
    boxes.add('pool', { pool: { size: 2 } });
    await until('it is full', () => boxes.find('pool')?.status?.pool?.ready === 2);
    boxes.add('box', { poolRef: { name: 'pool' } });
    await boxes.become('Ready', 'box');
    boxes.world.server.collection(SandboxKind).delete('default', 'pool');
    await until('its own are gone', () => boxes.kubelet.jobs.length === 1);
    expect(boxes.reason('box')).to.equal('Ready');
    boxes.change('box', { operatingMode: 'Suspended' });
    await boxes.become('Suspended', 'box');
    boxes.change('box', { operatingMode: 'Running' });
    await boxes.become('PoolNotFound', 'box');
  });

  it('loses no Pod that was taken where the watch of Jobs has not told of it for long', async () => {
    await boxes.world.startOperator(undefined, 100);
    boxes.add('pool', { pool: { size: 1 } });
    await until('it is full', () => boxes.find('pool')?.status?.pool?.ready === 1);
    const isWatch = ({ watch, path }: SeenRequest): boolean => watch && path.endsWith('/jobs');
    boxes.world.server.faults.add({ on: isWatch, fault: { kind: 'stall' }, times: 1000 });
    boxes.world.server.dropConnections();
    boxes.add('box', { poolRef: { name: 'pool' } });
    await boxes.become('Ready', 'box');
    // Ten times as long as an operator in such haste waits for its watches.
    await sleep(1000);
    expect([boxes.reason('box'), boxes.jobs('box')]).to.deep.equal(['Ready', ['pool-s1']]);
  });

  it('leaves nothing behind that was on its way when it was deleted', async () => {
    await boxes.world.startOperator();
    boxes.add('pool', { pool: { size: 1 } });
    await until('it is full', () => boxes.find('pool')?.status?.pool?.ready === 1);
    const isJob = ({ method, path }: SeenRequest): boolean => method === 'POST' && path.endsWith('/jobs');
    boxes.world.server.faults.add({ on: isJob, fault: { kind: 'slow', ms: 300 } });
    boxes.add('box', { poolRef: { name: 'pool' } });
    const made = (): number => boxes.writes.filter((write) => write === 'POST jobs').length;
    await until('another is on its way', () => made() === 2);
    boxes.world.server.collection(SandboxKind).delete('default', 'pool');
    await until('it has arrived', () =>
      boxes.world.server.collection(JobKind).log.some(({ object }) => object.metadata.name === 'pool-s2'),
    );
    await until('it is gone', () => boxes.kubelet.jobs.length === 1);
    expect(boxes.jobs('box')).to.deep.equal(['pool-s1']);
  });

  it('follows its size', async () => {
    await boxes.world.startOperator();
    boxes.add('pool', { pool: { size: 4 } });
    await until('it is full', () => boxes.find('pool')?.status?.pool?.ready === 4);
    boxes.change('pool', { pool: { size: 1 } });
    await until('the newest are gone', () => boxes.kubelet.jobs.length === 1);
    expect(boxes.jobs('pool')).to.deep.equal(['pool-s1']);
    boxes.change('pool', { pool: { size: 2 } });
    await until('it is full again', () => boxes.find('pool')?.status?.pool?.ready === 2);
  });

  it('makes no Pod after Pod where each ends at once', async () => {
    await boxes.world.startOperator();
    boxes.kubelet.status = () => endedWith({ exitCode: 1, reason: 'Error' });
    boxes.add('pool', { pool: { size: 1 } });
    await until('it has a Pod', () => boxes.kubelet.pods === 1);
    boxes.kubelet.end('pool-s1', endedWith({ exitCode: 1, reason: 'Error' }));
    await boxes.become('TaskContainerExited', 'pool');
    expect(boxes.kubelet.jobs).to.have.length(1);
  });

  it('says what ended its Pods, also while the next one starts, until one can be taken', async () => {
    await boxes.world.startOperator();
    const refused = endedWith(
      { exitCode: 1, reason: 'Error' },
      { lastWord: '{"ended":"PolicyNotEnforced"}' },
    );
    boxes.kubelet.status = (job) =>
      job.metadata.name === 'pool-s1' ? refused : { phase: 'Pending', conditions: [SCHEDULED] };
    boxes.add('pool', { pool: { size: 1 } });
    await boxes.become('PolicyNotEnforced', 'pool');
    // So long ago that the pause is over.
    boxes.kubelet.end('pool-s1', refused, { at: new Date(Date.now() - 10_000) });
    await until('the next one starts', () => boxes.kubelet.pods === 2);
    // Longer than any state that passes is kept back.
    await sleep(1000);
    expect(boxes.reason('pool')).to.equal('PolicyNotEnforced');
    boxes.kubelet.end('pool-s2', undefined, { reason: 'PodFailurePolicy' });
    boxes.kubelet.status = () => RUNNING;
    await boxes.become('Ready', 'pool');
    const said = boxes.world.server
      .collection(SandboxKind)
      .log.flatMap(({ object }) => conditionOf(object as unknown as Sandbox, 'Ready')?.reason ?? []);
    expect([...new Set(said)]).to.deep.equal(['PolicyNotEnforced', 'Ready']);
  });
});

describe('an operator that is killed at any write about Sandboxes', function () {
  /** Plays one story to its end under operators of which the first dies; resolves with what is wrong then. */
  async function play(death?: Death): Promise<{ effects: number; wrong: string[] }> {
    const boxes = await Boxes.start(100);
    try {
      boxes.add('pool', { pool: { size: 2 } });
      boxes.add('own', { volumes: [data] });
      const life = await boxes.world.startOperator(death);
      const revive = async (): Promise<void> => {
        if (death && life.dead && boxes.world.lives === 1) await boxes.world.startOperator();
      };
      const reach = async (what: string, holds: () => boolean): Promise<void> => {
        await until(what, () => holds() || (life.dead && boxes.world.lives === 1));
        await revive();
        await until(what, holds);
      };
      await reach(
        'the pool is full',
        () => boxes.jobs('pool').length === 2 && boxes.reason('pool') === 'Ready',
      );
      for (const name of ['one', 'two']) boxes.add(name, { poolRef: { name: 'pool' } });
      await reach('all are ready', () =>
        ['own', 'one', 'two'].every((name) => boxes.reason(name) === 'Ready'),
      );
      for (const name of ['own', 'one']) boxes.change(name, { operatingMode: 'Suspended' });
      await reach('they are suspended', () =>
        ['own', 'one'].every((name) => boxes.reason(name) === 'Suspended' && boxes.jobs(name).length === 0),
      );
      boxes.change('own', { operatingMode: 'Running' });
      await reach('one is ready again', () => boxes.reason('own') === 'Ready');
      await reach('the pool is full again', () => boxes.jobs('pool').length === 2);
      return { effects: life.effects, wrong: wrongIn(boxes) };
    } finally {
      await boxes.world.close();
    }
  }

  function wrongIn(boxes: Boxes): string[] {
    const many = ['own', 'two'].flatMap((name) =>
      boxes.jobs(name).length === 1 ? [] : [`${name}: ${boxes.jobs(name).join()}`],
    );
    const unowned = boxes.kubelet.jobs
      .filter(
        (job) => isActive(job) && !boxes.all.some(({ metadata }) => metadata.uid === controllerOf(job)?.uid),
      )
      .map(({ metadata }) => `${metadata.name} is nobody's`);
    return [
      ...many,
      ...unowned,
      ...(boxes.beyond > 0 ? [`${boxes.beyond} Pods beyond the size of the pool`] : []),
      ...(boxes.kubelet.claims.join() === 'sb-sandbox-own-data'
        ? []
        : [`disks: ${boxes.kubelet.claims.join()}`]),
    ];
  }

  it('leaves each Sandbox its one Job and each pool its size', async function () {
    this.timeout(10 * 60_000);
    const undisturbed = await play();
    expect(undisturbed.wrong, 'undisturbed').to.deep.equal([]);
    const whens = THOROUGH ? (['before', 'after', 'late'] as const) : (['after'] as const);
    const effects = Array.from({ length: undisturbed.effects }, (_, index) => index + 1);
    const deaths = effects.flatMap((atEffect) => whens.map((when) => ({ atEffect, when })));
    await inParallel(
      deaths,
      async (death) => {
        const { wrong } = await play(death);
        expect(wrong, `killed ${death.when} effect ${death.atEffect}`).to.deep.equal([]);
      },
      { width: 4 },
    );
  });
});

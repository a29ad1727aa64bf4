import { expect } from 'chai';
import { setTimeout as wait } from 'node:timers/promises';
import { conditionOf } from '../../src/crds/conditions.ts';
import { until } from '../support/kube.ts';
import { breaches } from './invariants.ts';
import { built } from './scripts.ts';
import { isWrite, World, type WorldOptions } from './world.ts';

/** Ten times as fast and no faster: on a busy machine a lease that ends within moments is lost, and whoever leads again writes again. */
const startWorld = (options: WorldOptions = {}): Promise<World> => World.start({ haste: 10, ...options });

describe('the writes of an operator', () => {
  let world: World;

  afterEach(() => world.close());

  /** Writes at the API server so far, one line each. */
  const writes = (): string[] =>
    world.server.requests
      .filter(isWrite)
      .map(({ method, path }) => `${method} ${path.replace(/.*default\//, '')}`);

  const applied = (count: number, spec = {}): void => {
    for (let number = 1; number <= count; number++) world.apply(`trial-${number}`, spec);
  };

  /** In real time: after a leap an operator rightly writes what has lasted, and deletes the Job that has not ended with its Trial. */
  const allEnded = (): Promise<void> =>
    until('all have ended', () => world.ended && world.kubelet.unfinished.length === 0);

  it('are at most three per Trial, and three per namespace', async () => {
    world = await startWorld();
    await world.startOperator();
    applied(20);
    await allEnded();
    expect(await breaches(world)).to.deep.equal([]);
    for (let number = 1; number <= 20; number++) {
      const own = writes().filter((write) => write.includes(`/trial-${number}/`));
      expect(own, 'status writes').to.have.length.at.most(2);
    }
    expect(writes().filter((write) => write === 'POST jobs')).to.have.length(20);
    const policies = writes().filter((write) => write === 'POST networkpolicies');
    expect(policies).to.have.length(3);
    expect(writes().length - policies.length).to.be.at.most(60);
  });

  it('are none for Trials that have not changed, at a restart', async () => {
    world = await startWorld({ fate: () => ({ kind: 'runs', whenStopped: 'cancelled' }) });
    applied(20);
    world.apply('suspended', { suspend: true });
    await world.startOperator();
    const running = (): boolean =>
      world.trials.every((trial) =>
        ['Running', 'Suspended'].includes(conditionOf(trial, 'Succeeded')?.reason ?? ''),
      );
    await until('all run', running);
    world.kill();
    const before = writes().length;
    await world.startOperator();
    await wait(200);
    expect(writes().slice(before)).to.deep.equal([]);
  });

  it('are none for Trials that have ended', async () => {
    world = await startWorld();
    applied(20, built());
    await world.startOperator();
    await allEnded();
    world.kill();
    const before = writes().length;
    await world.startOperator();
    await wait(200);
    expect(writes().slice(before)).to.deep.equal([]);
  });

  it('are one TaskBuild and one build for ten Trials of one environment, and none for ten more', async () => {
    world = await startWorld({ builds: { buildMs: 50 } });
    await world.startOperator();
    applied(10, built());
    await allEnded();
    expect(world.builder.started).to.have.length(1);
    expect(world.taskBuilds).to.have.length(1);
    for (let number = 11; number <= 20; number++) world.apply(`trial-${number}`, built());
    await allEnded();
    expect(await breaches(world)).to.deep.equal([]);
    expect(world.trials).to.have.length(20);
    expect(world.builder.started).to.have.length(1);
    expect(writes().filter((write) => write === 'POST taskbuilds').length, 'tries').to.be.at.most(10);
    expect(world.taskBuilds).to.have.length(1);
  });

  it('are no build where the image exists already', async () => {
    world = await startWorld();
    await world.startOperator();
    applied(1, built());
    await allEnded();
    for (const { metadata } of world.taskBuilds) world.removeTaskBuild(metadata.name);
    world.apply('again', built());
    await allEnded();
    expect(world.builder.started).to.have.length(1);
    expect(world.taskBuilds.map(({ status }) => status?.cacheHit)).to.deep.equal([true]);
  });
});

/** An operator with much to do: whom it serves next, and what it asks for. */
import { expect } from 'chai';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import { trialPrefix, TRIAL_FILES } from '../../src/results/keys.ts';
import { ConfigMap as ConfigMapKind, Job as JobKind } from '../../src/kube/kinds.ts';
import { aTrial, SOLVED_DATA } from '../support/builders/objects.ts';
import { configMap, until } from '../support/kube.ts';
import { World } from './world.ts';

const MANY = 2000;
/** 32 are worked on at the same time, and some more while its event is on its way and its own work waits for answers. */
const AT_MOST = 150;

describe('an operator for which 2,000 Trials of one namespace wait', function () {
  this.timeout(10 * 60_000);
  let world: World;
  /** Namespaces of Jobs, as they are made. */
  let made: string[];
  beforeEach(async () => {
    // Its lease has to outlast the moment in which all of them come.
    world = await World.start({ haste: 1, fate: () => ({ kind: 'unschedulable' }) });
    made = [];
    world.server.collection(JobKind).watchers.add(({ type, object }) => {
      if (type === 'ADDED') made.push(object.metadata.namespace ?? '');
    });
    const task = configMap('hello-task', SOLVED_DATA);
    for (const namespace of ['bob', 'carol'])
      world.add(ConfigMapKind, { ...task, metadata: { ...task.metadata, namespace } });
  });
  afterEach(() => world.close());

  const applyOf = (namespace: string, name: string): void =>
    world.add(TrialKind, { ...aTrial(), metadata: { name, namespace } });
  const madeOf = (namespace: string): number => made.filter((one) => one === namespace).length;

  it('makes the Job of another namespace’s one Trial at its turn, and not after all of them', async () => {
    applyOf('bob', 'first');
    await world.startOperator();
    await until('bob has his policies, and a Job', () => madeOf('bob') === 1);
    for (let trial = 0; trial < MANY; trial++) world.apply(`many-${trial}`);
    applyOf('carol', 'one');
    await until('the operator has heard of them all', () => madeOf('carol') === 1);
    const before = madeOf('default');
    applyOf('bob', 'second');
    await until('its Job is made', () => madeOf('bob') === 2);
    expect(madeOf('default') - before).to.be.at.most(AT_MOST);
    expect(before, 'the others waited').to.be.below(MANY / 2);
  });

  it('does so, too, where all of them were there before it started', async () => {
    for (let trial = 0; trial < MANY; trial++) world.apply(`many-${trial}`);
    applyOf('bob', 'first');
    await world.startOperator();
    await until('a Job of bob is made', () => madeOf('bob') === 1);
    expect(madeOf('default')).to.be.below(MANY / 2);
  });
});

describe('the store', () => {
  it('is asked for no outcome of a Trial that comes while the operator leads, and of one that was there', async () => {
    const asked: string[] = [];
    const world = await World.start({
      // A lease that ends within moments is lost on a busy machine, and with it the certainty.
      haste: 1,
      fault: (operation, key) => {
        if (operation === 'get') asked.push(key);
        return undefined;
      },
    });
    try {
      world.apply('there');
      await world.startOperator();
      await until('the first has ended', () => world.ended);
      world.apply('new');
      await until('the second has ended', () => world.ended);
      expect(world.trials.map(({ status = {} }) => typeof status.reward)).to.deep.equal(['number', 'number']);
      const keys = world.trials.map((trial) => `${trialPrefix(trial)}${TRIAL_FILES.outcome}`);
      expect(keys.map((key) => asked.includes(key))).to.deep.equal([true, false]);
    } finally {
      await world.close();
    }
  });
});

import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventuallyTrue } from '../support/eventually.ts';
import { diagnosis, doctor } from './support/doctor.ts';
import {
  killOperator,
  leader,
  operatorIsWell,
  operatorPods,
  scaleOperator,
  withFrozenLeader,
} from './support/faults.ts';
import { allEarn, inEveryPhase } from './support/phases.ts';
import { hold } from './support/story.ts';
import { ownTrial } from './support/stories.ts';
import { world } from './support/world.ts';

describe('the operator', () => {
  afterEach(async function () {
    this.timeout(180_000);
    await operatorIsWell();
  });

  it('may be killed in every phase of a Trial, all replicas at once', async () => {
    const trials = inEveryPhase('killed');
    await trials.arrive();
    await killOperator('every replica');
    await trials.release();
    await allEarn(trials.all);
  });

  it('may freeze as the leader: another takes over, and the one that thaws starts nothing again', async () => {
    const held = ownTrial('frozen-held', { agent: hold('work') });
    const suspended = ownTrial('frozen-suspended', { agent: hold('work') });
    const fresh = ['one', 'two', 'three'].map((name) => ownTrial(`frozen-${name}`));
    await Promise.all([held.reaches('work'), suspended.reaches('work')]);
    const made = Promise.all(fresh.map((story) => story.start()));
    await withFrozenLeader(async (frozen) => {
      await made;
      await eventuallyTrue(
        'another replica leads',
        async () => ![frozen, undefined].includes(await leader()),
      );
      await held.release('work');
      await suspended.change({ suspend: true });
      await suspended.says('Suspended');
    });
    await allEarn([held, ...fresh]);
    await operatorIsWell();
    await suspended.change({ suspend: false });
    await suspended.reaches('work');
    await suspended.release('work');
    const { status } = await suspended.earns(1);
    expect(status?.attempts?.map(({ reason }) => reason)).to.deep.equal(['Suspended', undefined]);
  });
});

describe('the operator, both replicas away for a minute', function () {
  this.timeout(300_000);
  const trials = inEveryPhase('away');
  let minute: Promise<void>;
  let place: { cwd: string; namespace: string };

  before(async () => {
    place = { cwd: '/', namespace: await world().makeNamespace() };
    await trials.arrive();
    await scaleOperator(0);
    await eventuallyTrue('no replica is left', async () => (await operatorPods()).length === 0, 120);
    minute = sleep(60_000);
    await trials.release();
  });
  after(async () => {
    await scaleOperator(2);
    await operatorIsWell();
  });

  it('is switched off, says sb doctor, and how to switch it on', async () => {
    const leaderless = '✗ operator: no operator leads: ';
    await eventuallyTrue(
      'sb doctor sees that nobody leads',
      async () => (await doctor([], place)).stdout.includes(leaderless),
      30,
    );
    const { code, stdout } = await doctor([], place);
    expect(code).to.equal(3);
    expect(stdout).to.include(
      '✗ operator: the operator is switched off: its StatefulSet is scaled to 0, so no Trial makes progress\n' +
        '    kubectl -n sb-system scale statefulset/sb-operator --replicas=2\n',
    );
    expect(stdout).to.include('✗ broker: the broker cannot be reached: ');
  });

  it('loses no Trial of those that went through all their phases meanwhile', async () => {
    await minute;
    await scaleOperator(2);
    await allEarn(trials.all, 240);
    await operatorIsWell();
  });

  it('leaves nothing wrong when it is back, says sb doctor', () =>
    eventuallyTrue('nothing is wrong any more', async () => (await diagnosis(place)).fine, 30));
});

import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventuallyTrue } from '../support/eventually.ts';
import {
  killOperator,
  leader,
  operatorIsWell,
  operatorPods,
  scaleOperator,
  withFrozenLeader,
} from './support/faults.ts';
import { inEveryPhase, uploadBegins, uploadsForLong } from './support/phases.ts';
import { hold, type Story } from './support/story.ts';
import { checkedManifest } from './support/stored.ts';
import { ownTrial } from './support/stories.ts';
import { reward } from './support/task.ts';

/** Every Trial has its reward, out of one attempt with one Job. */
async function allEarn(stories: Story[], seconds = 180): Promise<void> {
  const done = await Promise.all(stories.map((story) => story.earnsAtOnce(1, seconds)));
  for (const trial of done) await checkedManifest(trial);
}

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

  it('may be killed as the leader again and again while Trials begin and end', async () => {
    const stories = Array.from({ length: 6 }, (_, index) =>
      ownTrial(`shot-${index}`, { agent: `sleep ${1 + index}`, tests: `sleep 1; ${reward(1)}` }),
    );
    for (const pair of [stories.slice(0, 2), stories.slice(2, 4), stories.slice(4)]) {
      await Promise.all(pair.map((story) => story.start()));
      await sleep(1500);
      await killOperator('the leader');
    }
    await allEarn(stories);
  });

  it('may be killed while a Trial uploads', async () => {
    const story = uploadsForLong('killed-uploading');
    await uploadBegins(story);
    await killOperator('every replica');
    await allEarn([story]);
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

  it('may be away for a minute, both replicas, while Trials go through all their phases', async () => {
    const trials = inEveryPhase('away');
    await trials.arrive();
    await scaleOperator(0);
    await eventuallyTrue('no replica is left', async () => (await operatorPods()).length === 0, 120);
    await trials.release();
    await sleep(60_000);
    await scaleOperator(2);
    await allEarn(trials.all, 240);
  });
});

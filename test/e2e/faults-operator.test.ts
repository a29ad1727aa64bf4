import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { trialPrefix } from '../../src/results/keys.ts';
import { ConfigMap } from '../../src/kube/kinds.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import {
  killOperator,
  leader,
  operatorIsWell,
  operatorPods,
  scaleOperator,
  withFrozenLeader,
} from './support/faults.ts';
import { hold, type Story } from './support/story.ts';
import { checkedManifest } from './support/stored.ts';
import { ownTrial } from './support/stories.ts';
import { reward } from './support/task.ts';
import { world } from './support/world.ts';

/** Every Trial has its reward, out of one attempt with one Job. */
async function allEarn(stories: Story[], seconds = 180): Promise<void> {
  const done = await Promise.all(stories.map((story) => story.earnsAtOnce(1, seconds)));
  for (const trial of done) await checkedManifest(trial);
}

/** A Trial in each phase, and how each goes on when it is let go. */
function inEveryPhase(prefix: string) {
  const building = ownTrial(`${prefix}-building`, {
    spec: { environment: { build: { context: { configMap: { name: `${prefix}-context` } } } } },
    given: ({ namespace }) =>
      world().kube.create(ConfigMap, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace, name: `${prefix}-context` },
        data: { Dockerfile: `FROM debian:bookworm-slim\nRUN echo ${Date.now()}; sleep 8` },
      }),
  });
  const checked = ownTrial(`${prefix}-checked`, {
    spec: {
      environment: {
        healthcheck: { command: hold('health'), timeoutSeconds: 120, intervalSeconds: 1, retries: 3 },
      },
    },
  });
  const installing = ownTrial(`${prefix}-installing`, {
    agent: 'true',
    spec: { agent: { install: `#!/bin/sh\n${hold('install')}` } },
  });
  const working = ownTrial(`${prefix}-working`, { agent: hold('work') });
  const judging = ownTrial(`${prefix}-judging`, { tests: `${hold('judge')}\n${reward(1)}` });
  const fresh = ownTrial(`${prefix}-fresh`);
  const held: [Story, string][] = [
    [checked, 'health'],
    [installing, 'install'],
    [working, 'work'],
    [judging, 'judge'],
  ];
  return {
    all: [building, checked, installing, working, judging, fresh],
    /** Resolves when each is where it should be; the last one was made just now. */
    arrive: async (): Promise<void> => {
      await Promise.all(held.map(([story, marker]) => story.reaches(marker)));
      await building.says('BuildingImage');
      await fresh.start();
    },
    release: (): Promise<void[]> => Promise.all(held.map(([story, marker]) => story.release(marker))),
  };
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
    const story = ownTrial('killed-uploading', {
      agent: 'mkdir /logs/artifacts/x; cd /logs/artifacts/x; for i in $(seq 3000); do echo $i > $i; done',
    });
    const trial = await story.start();
    const begun = async (): Promise<boolean> => {
      const first = await world().artifacts.list(trialPrefix(trial))[Symbol.asyncIterator]().next();
      return first.done !== true;
    };
    await eventuallyTrue('the first file is in the bucket', begun, 120);
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

import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { ConfigMap } from '../../src/kube/kinds.ts';
import { kubectlOk } from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { evict, killContainer } from './support/faults.ts';
import { hold, SMALL } from './support/story.ts';
import { storedKeys } from './support/stored.ts';
import { ownTrial, trial } from './support/stories.ts';
import { world } from './support/world.ts';

const attemptsOf = ({ status }: Trial): (string | undefined)[] =>
  (status?.attempts ?? []).map(({ reason }) => reason);

/** No node is as large as that. */
const HUGE = { environment: { resources: { ...SMALL, requests: { ...SMALL.requests, cpu: '5000' } } } };

const goneSoon = (uid: string): Promise<void> =>
  eventuallyTrue('its Pods are gone', () => world().pods.by('owner', uid).length === 0, 90);

describe('a Trial that is suspended', () => {
  const story = ownTrial('suspended', { agent: hold('work') });
  const hasty = ownTrial('suspended-hastily', { agent: hold('work'), spec: { maxAttempts: 1 } });
  const before = ownTrial('suspended-from-the-start', { spec: { suspend: true } });

  it('stops its Pod, and a new attempt follows when it is resumed', async () => {
    await story.reaches('work');
    await story.change({ suspend: true });
    const suspended = await story.says('Suspended');
    expect(attemptsOf(suspended)).to.deep.equal(['Suspended']);
    for (const { metadata } of story.jobs) await goneSoon(metadata.uid ?? '');
    await story.change({ suspend: false });
    await story.until('a second attempt', ({ status }) => status?.attempts?.length === 2);
    await story.reaches('work');
    await story.release('work');
    expect(attemptsOf(await story.earns(1))).to.deep.equal(['Suspended', undefined]);
  });

  it('loses no attempt when it is resumed before its Pod is gone', async () => {
    await hasty.reaches('work');
    await hasty.change({ suspend: true });
    await eventuallyTrue('its Pod is being deleted', () =>
      hasty.pods.some(({ metadata }) => metadata.deletionTimestamp !== undefined),
    );
    await hasty.change({ suspend: false });
    await hasty.until('a second attempt', ({ status }) => status?.attempts?.length === 2);
    await hasty.reaches('work');
    await hasty.release('work');
    expect(attemptsOf(await hasty.earns(1))).to.deep.equal(['Suspended', undefined]);
  });

  it('from its start makes no Job until it is resumed', async () => {
    await before.says('Suspended');
    expect(before.jobs).to.deep.equal([]);
    await before.change({ suspend: false });
    await before.earns(1);
  });
});

describe('a Trial that is cancelled', () => {
  const pending = ownTrial('cancelled-pending', { spec: HUGE });
  const working = ownTrial('cancelled-working', { agent: `echo half > /logs/agent/half; ${hold('work')}` });
  const suspended = ownTrial('cancelled-suspended', { spec: { suspend: true } });

  it('while it waits for a node ends at once, and its Pod goes', async () => {
    await pending.says('Unschedulable');
    await pending.change({ cancel: true });
    await pending.fails('Cancelled');
    for (const { metadata } of pending.jobs) await goneSoon(metadata.uid ?? '');
  });

  it('while the agent works ends the Pod, and what the agent had written is kept', async () => {
    await working.reaches('work');
    await working.change({ cancel: true });
    const done = await working.fails('Cancelled');
    expect([...(await storedKeys(done)).keys()]).to.include('agent/half');
    for (const { metadata } of working.jobs) await goneSoon(metadata.uid ?? '');
  });

  it('while it is suspended ends without a Job', async () => {
    await suspended.says('Suspended');
    await suspended.change({ cancel: true });
    await suspended.fails('Cancelled');
    expect(suspended.jobs).to.deep.equal([]);
  });
});

describe('a Trial that is deleted', () => {
  const waiting = ownTrial('deleted-waiting', { spec: HUGE });
  const building = ownTrial('deleted-building', {
    spec: { environment: { build: { context: { configMap: { name: 'deleted-context' } } } } },
    given: ({ namespace }) =>
      world().kube.create(ConfigMap, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace, name: 'deleted-context' },
        data: { Dockerfile: `FROM debian:bookworm-slim\nRUN echo ${Date.now()}; sleep 20` },
      }),
  });
  const installing = ownTrial('deleted-installing', {
    agent: 'true',
    spec: { agent: { install: `#!/bin/sh\n${hold('install')}` } },
  });
  const working = ownTrial('deleted-working', { agent: hold('work') });
  const judging = ownTrial('deleted-judging', { tests: hold('judge') });
  const uploading = ownTrial('deleted-uploading', {
    agent: 'head -c 600000000 /dev/zero > /logs/artifacts/large; echo @written',
  });
  const finished = ownTrial('deleted-finished');

  it('leaves nothing behind, whether it waits, builds, installs, works, judges, uploads or has ended', async () => {
    await Promise.all([
      waiting.says('Unschedulable'),
      building.says('BuildingImage'),
      installing.reaches('install'),
      working.reaches('work'),
      judging.reaches('judge'),
      uploading.reaches('written'),
      finished.earns(1),
    ]);
    const all = [waiting, building, installing, working, judging, uploading, finished];
    await Promise.all(all.map((story) => story.deleted()));
    const uids = new Set(
      world()
        .trials.list()
        .map(({ metadata }) => metadata.uid),
    );
    const orphans = world()
      .jobs.list()
      .filter(({ metadata }) => metadata.namespace === world().namespace)
      .flatMap(({ metadata }) => metadata.ownerReferences ?? [])
      .filter(({ kind, uid }) => kind === 'Trial' && !uids.has(uid));
    expect(orphans).to.deep.equal([]);
  });

  it('and made again under its name is another Trial, with results of its own', async () => {
    const first = ownTrial('made-again');
    const one = await first.earns(1);
    await first.deleted();
    const second = ownTrial('made-again', {
      spec: { task: { name: 'e2e/made-again', configMap: { name: 'made-again-task-2' } } },
      given: ({ namespace }) =>
        world().kube.create(ConfigMap, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { namespace, name: 'made-again-task-2' },
          data: {
            'instruction.md': 'Again.',
            'tests__test.sh': '#!/bin/sh\necho 0.5 > /logs/verifier/reward.txt\n',
          },
        }),
    });
    const two = await second.earns(0.5);
    expect(two.status?.s3TrialUri).not.to.equal(one.status?.s3TrialUri);
    expect((await storedKeys(one)).size).to.be.greaterThan(0);
  });
});

describe('a Trial with ttlSecondsAfterFinished', () => {
  const story = ownTrial('expiring', { spec: { ttlSecondsAfterFinished: 6 } });

  it('is deleted when the time has passed, and its files stay', async () => {
    const done = await story.earns(1);
    await eventuallyTrue('the Trial is gone', () => story.seen === undefined, 60);
    const lived = Date.now() - Date.parse(done.status?.finishedAt ?? '');
    expect(lived).to.be.within(5000, 30_000);
    expect([...(await storedKeys(done)).keys()]).to.include('result.json');
  });
});

describe('a Trial that finds no node', () => {
  const story = trial('unschedulable', { spec: { ...HUGE, startTimeoutSeconds: 8 } });
  const nowhere = trial('no-such-node', {
    spec: { startTimeoutSeconds: 8, scheduling: { nodeSelector: { nowhere: 'true' } } },
  });

  it('says so, and ends with StartTimeout', async () => {
    const done = await story.fails('StartTimeout', /Unschedulable/);
    expect(conditionOf(done, 'Started')?.status).to.equal('False');
    await nowhere.fails('StartTimeout', /Unschedulable/);
  });

  it('leaves no Pod waiting', async () => {
    await story.done();
    for (const { metadata } of story.jobs) await goneSoon(metadata.uid ?? '');
  });
});

describe('an attempt that is lost through no fault of the agent', () => {
  const evicted = ownTrial('evicted', { agent: hold('work') });
  const removed = ownTrial('removed', { agent: hold('work') });
  const orphaned = ownTrial('courier-killed', { agent: hold('work') });
  const hopeless = ownTrial('evicted-for-good', { agent: hold('work'), spec: { maxAttempts: 1 } });

  /** The second attempt goes through; the first is kept with its reason. */
  async function goesOn(story: typeof evicted, reason: string): Promise<void> {
    await story.until('a second attempt', ({ status }) => status?.attempts?.length === 2, 120);
    await story.reaches('work');
    await story.release('work');
    const done = await story.earns(1);
    expect(attemptsOf(done)).to.deep.equal([reason, undefined]);
    expect(done.status?.attempts?.[0]).to.have.property('podName');
  }

  it('by eviction is Evicted, and tried again', async () => {
    await evict(await evicted.reaches('work'));
    await goesOn(evicted, 'Evicted');
  });

  it('because someone deleted the Pod is PodLost, and tried again', async () => {
    const { metadata } = await removed.reaches('work');
    const force = ['--grace-period=0', '--force'];
    await kubectlOk(['delete', 'pod', '-n', metadata.namespace ?? '', metadata.name, ...force]);
    await goesOn(removed, 'PodLost');
  });

  it('because the courier was killed is CourierFailed, and tried again', async () => {
    await killContainer(await orphaned.reaches('work'), CONTAINERS.courier);
    await goesOn(orphaned, 'CourierFailed');
  });

  it('ends the Trial when it was the last', async () => {
    await evict(await hopeless.reaches('work'));
    expect(attemptsOf(await hopeless.fails('Evicted'))).to.deep.equal(['Evicted']);
  });
});

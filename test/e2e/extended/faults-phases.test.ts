import { expect } from 'chai';
import type { Trial } from '../../../src/crds/trial.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { killAllButFirst, killContainer } from '../support/faults.ts';
import { inEveryPhaseOfPods } from '../support/phases.ts';
import { checkedManifest, storedJson } from '../support/stored.ts';
import type { Story } from '../support/story.ts';

const reasonsOf = ({ status }: Trial): (string | undefined)[] =>
  (status?.attempts ?? []).map(({ reason }) => reason);

/** All its files are in the bucket, and what is said there of its attempts is what the Trial says. */
async function isStored(trial: Trial): Promise<void> {
  await checkedManifest(trial);
  const { attempts } = await storedJson<{ attempts: unknown[] }>(trial, 'result.json');
  expect(attempts, trial.metadata.name).to.deep.equal(trial.status?.attempts);
}

/** It fails in its only attempt. */
async function failsAtOnce(
  story: Story,
  reason: Parameters<Story['fails']>[0],
  message: RegExp,
): Promise<void> {
  const trial = await story.fails(reason, message);
  expect(reasonsOf(trial), story.name).to.deep.equal([reason]);
  await isStored(trial);
}

/** It earns 1 in its only attempt. */
const earnsAtOnce = async (story: Story): Promise<void> => isStored(await story.earnsAtOnce(1));

describe('in every phase of a Trial at once', function () {
  this.timeout(300_000);

  it('the courier may be killed: the attempt is CourierFailed, whatever was known, and the next one earns the reward', async () => {
    const trials = inEveryPhaseOfPods('courier');
    const pods = await trials.arrive();
    await Promise.all(pods.map(({ pod }) => killContainer(pod, CONTAINERS.courier)));
    await trials.arriveAgain();
    await trials.release();
    const again = async (story: Story): Promise<void> => {
      const trial = await story.earns(1);
      expect(reasonsOf(trial), story.name).to.deep.equal(['CourierFailed', undefined]);
      expect(trial.status?.attempts?.[0]).to.have.property('podName');
      await isStored(trial);
    };
    await Promise.all([...[...trials.held, trials.uploading].map(again), earnsAtOnce(trials.fresh)]);
  });

  it('every process but sbd may be killed: a healthcheck is tried again, an agent is judged, and no attempt is won', async () => {
    const trials = inEveryPhaseOfPods('orphaned');
    const pods = await trials.arrive();
    // Nothing but sbd runs any more where the results are stored.
    await Promise.all(pods.slice(0, -1).map(({ pod, container }) => killAllButFirst(pod, container)));
    await Promise.all([
      failsAtOnce(trials.installing, 'AgentSetupFailed', /signal 9/),
      failsAtOnce(trials.judging, 'RewardMissing', /signal 9/),
      failsAtOnce(trials.judgingApart, 'RewardMissing', /signal 9/),
    ]);
    const worked = await trials.working.earnsAtOnce(1);
    expect(worked.status?.exception).to.include({ type: 'NonZeroAgentExitCodeError' });
    await isStored(worked);
    await trials.release([trials.checked]);
    await Promise.all([trials.checked, trials.inSecondStep, trials.uploading, trials.fresh].map(earnsAtOnce));
  });

  it('sbd may be killed: that ends the container and the Trial, but for a reward that is being stored', async () => {
    const trials = inEveryPhaseOfPods('headless');
    const pods = await trials.arrive();
    await Promise.all(pods.map(({ pod, container }) => killContainer(pod, container)));
    await Promise.all(trials.held.map((story) => failsAtOnce(story, 'TaskContainerExited', /137/)));
    await Promise.all([trials.uploading, trials.fresh].map(earnsAtOnce));
  });
});

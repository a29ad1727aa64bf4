import { expect } from 'chai';
import { anOutcome, aTaskBuild, aTrial } from '../../../test/support/builders/objects.ts';
import { aTrialSeen } from '../../../test/support/builders/trial-seen.ts';
import { argoHealth, fluxHealth, type Health } from '../../../test/support/gitops.ts';
import { stamp } from '../../crds/conditions.ts';
import { BUILD_ACTIVE, BUILD_DONE, BUILD_FAILED, TRIAL_ACTIVE, TRIAL_FAILED } from '../../crds/reasons.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { storedLogLinks } from '../../providers/log-links/stored.ts';
import type { Done } from './done.ts';
import { trialStatus } from './status.ts';

const links = { files: memoryArtifactStore({ bucket: 'artifacts' }), logs: storedLogLinks() };
const MINIMUM = 'sb.abundant.ai/minimum-reward';

/** A Trial as the operator leaves it behind. */
function left(done: Done, minimum?: string): Trial {
  const trial = aTrial();
  const status = trialStatus(aTrialSeen({ trial }), done, links);
  const annotations = minimum === undefined ? {} : { annotations: { [MINIMUM]: minimum } };
  return { ...trial, metadata: { ...trial.metadata, ...annotations }, status };
}

const rewarded = (reward: number, minimum?: string): Trial =>
  left(
    {
      kind: 'succeed',
      outcome: anOutcome({ result: { kind: 'rewarded', reward, rewards: { reward } } }),
    },
    minimum,
  );

const waiting = (reason: keyof typeof TRIAL_ACTIVE): Trial => left({ kind: 'wait', reason, message: 'm' });
const failed = (reason: keyof typeof TRIAL_FAILED): Trial => left({ kind: 'fail', reason, message: 'm' });

/** Before anybody has looked: what the API server fills in. */
const untouched: Trial = aTrial({ status: { observedGeneration: -1 } });
const ofLater = (trial: Trial): Trial => ({ ...trial, metadata: { ...trial.metadata, generation: 2 } });

describe('what Argo CD shows of a Trial', () => {
  let show: (object: Trial | TaskBuild) => Health;
  before(function () {
    show = (object) => argoHealth(object, this);
  });

  it('is Progressing until the operator has looked, at this spec', () => {
    for (const trial of [aTrial(), untouched, ofLater(rewarded(1)), ofLater(failed('OOMKilled'))])
      expect(show(trial)).to.deep.equal({ status: 'Progressing', message: 'Waiting for the operator' });
  });

  it('is Progressing while it goes on, and Suspended while it is suspended, with the reason', () => {
    for (const reason of Object.keys(TRIAL_ACTIVE) as (keyof typeof TRIAL_ACTIVE)[])
      expect(show(waiting(reason)), reason).to.deep.equal({
        status: reason === 'Suspended' ? 'Suspended' : 'Progressing',
        message: `${reason}: m`,
      });
  });

  it('is Healthy with any reward: a reward of 0 is a result', () => {
    for (const reward of [0, 0.5, 1])
      expect(show(rewarded(reward)).status, String(reward)).to.equal('Healthy');
  });

  it('is Degraded without a result, a cancellation among them', () => {
    for (const reason of ['Cancelled', 'OOMKilled', 'RewardMissing'] as const)
      expect(show(failed(reason))).to.deep.equal({ status: 'Degraded', message: `${reason}: m` });
  });

  it('is Degraded below the minimum that it names, with both numbers', () => {
    expect(show(rewarded(0.5, '0.75'))).to.deep.equal({
      status: 'Degraded',
      message: 'Reward 0.5, minimum 0.75',
    });
    for (const minimum of ['0.5', '0', '-1', '.5', '5e-1'])
      expect(show(rewarded(0.5, minimum)).status, minimum).to.equal('Healthy');
  });

  it('lets nobody through by a minimum that is no number, or without a reward', () => {
    for (const minimum of ['', 'high', '1,0', 'nan'])
      expect(show(rewarded(1, minimum)).status, minimum).to.equal('Degraded');
    const unverified = left({ kind: 'succeed', outcome: anOutcome({ result: { kind: 'unverified' } }) }, '0');
    expect(show(unverified)).to.deep.equal({
      status: 'Degraded',
      message: 'Reward missing, minimum 0',
    });
  });

  it('says of a TaskBuild whether there is an image', () => {
    expect(show(aTaskBuild()).status).to.equal('Progressing');
    for (const [status, health] of [
      ['Unknown', 'Progressing'],
      ['True', 'Healthy'],
      ['False', 'Degraded'],
    ] as const)
      expect(show(build(status, 'Building'))).to.deep.equal({ status: health, message: 'Building: m' });
  });
});

function build(status: 'True' | 'False' | 'Unknown', reason: string): TaskBuild {
  const conditions = stamp([{ type: 'Succeeded', status, reason, message: 'm' }], undefined, {
    generation: 1,
    now: new Date(),
  });
  return aTaskBuild({ status: { conditions } });
}

describe('what Flux waits for of a Trial', () => {
  it('is in progress until its end, and then current, or failed where there is no result', () => {
    expect(fluxHealth(untouched)).to.equal('InProgress');
    for (const reason of Object.keys(TRIAL_ACTIVE) as (keyof typeof TRIAL_ACTIVE)[])
      expect(fluxHealth(waiting(reason)), reason).to.equal('InProgress');
    for (const reason of Object.keys(TRIAL_FAILED) as (keyof typeof TRIAL_FAILED)[])
      expect(fluxHealth(failed(reason)), reason).to.equal('Failed');
    for (const reward of [0, 0.5, 1])
      expect(fluxHealth(rewarded(reward)), String(reward)).to.equal('Current');
  });

  it('is failed below the minimum that it names, and never passes a minimum that is no number', () => {
    expect(fluxHealth(rewarded(0.5, '0.75'))).to.equal('Failed');
    expect(fluxHealth(rewarded(0, '1'))).to.equal('Failed');
    for (const minimum of ['0.5', '0', '-1']) expect(fluxHealth(rewarded(0.5, minimum))).to.equal('Current');
    expect(fluxHealth(rewarded(1, '1'))).to.equal('Current');
    expect(() => fluxHealth(rewarded(1, 'high'))).to.throw();
  });

  it('is a TaskBuild’s image, too', () => {
    for (const reason of Object.keys(BUILD_ACTIVE))
      expect(fluxHealth(build('Unknown', reason))).to.equal('InProgress');
    for (const reason of Object.keys(BUILD_DONE))
      expect(fluxHealth(build('True', reason))).to.equal('Current');
    for (const reason of Object.keys(BUILD_FAILED))
      expect(fluxHealth(build('False', reason))).to.equal('Failed');
  });
});

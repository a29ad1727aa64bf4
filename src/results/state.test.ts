import { expect } from 'chai';
import { BUILD_FAILED, faultOf, TRIAL_ACTIVE, TRIAL_FAILED, type TrialReason } from '../crds/reasons.ts';
import { stampOf, T0 } from '../../test/support/builders/objects.ts';
import { lineOf } from '../client/runs/follow/line.ts';
import { isEnded, stateOf } from './state.ts';
import { active, broken, inRun, rewarded } from '../../test/support/builders/run-trials.ts';

describe('State of a Trial', () => {
  const stateFor = (reason: TrialReason): string => stateOf(active(reason)).state;

  it('is told by the reason of its condition while it goes on', () => {
    expect(stateFor('BuildingImage')).to.equal('building');
    expect(stateFor('HeldByQueue')).to.equal('held');
    expect(stateFor('Unschedulable')).to.equal('pending');
    expect(stateFor('PullingImage')).to.equal('pulling');
    expect(stateFor('Running')).to.equal('running');
    expect(stateFor('Retrying')).to.equal('retrying');
    expect(stateFor('Suspended')).to.equal('suspended');
    for (const reason of Object.keys(TRIAL_ACTIVE) as TrialReason[])
      expect(isEnded(stateOf(active(reason)).state), reason).to.equal(false);
  });

  it('is queued before the operator has looked at it, and pending once it has a Job', () => {
    expect(stateOf(inRun()).state).to.equal('queued');
    expect(stateFor('Pending')).to.equal('queued');
    const { status } = active('Pending');
    expect(stateOf(inRun({ status: { ...status, jobName: 'hello-1' } })).state).to.equal('pending');
  });

  it('is verifying when the agent has ended and the reward has not come', () => {
    const { conditions = [] } = active('Running').status ?? {};
    const agent = {
      type: 'AgentFinished',
      status: 'True' as const,
      reason: 'Completed',
      message: '',
      lastTransitionTime: stampOf(T0),
    };
    expect(stateOf(inRun({ status: { conditions: [...conditions, agent] } })).state).to.equal('verifying');
  });

  it('is passed from a reward of 1 on, and failed below', () => {
    expect([1, 2, 0.99, 0, -1].map((reward) => stateOf(rewarded(reward)).state)).to.deep.equal([
      'passed',
      'passed',
      'failed',
      'failed',
      'failed',
    ]);
  });

  it('tells a wrong answer from a Trial that was lost, for every reason there is', () => {
    const states = Object.keys(TRIAL_FAILED).map((reason) => stateOf(broken(reason as TrialReason)).state);
    expect(states.every(isEnded)).to.equal(true);
    expect(stateOf(broken('OOMKilled')).state).to.equal('failed');
    expect(stateOf(broken('RewardMissing')).state).to.equal('failed');
    expect(stateOf(broken('NodeLost')).state).to.equal('lost');
    expect(stateOf(broken('BuildFailed')).state).to.equal('lost');
    expect(stateOf(broken('Cancelled')).state).to.equal('cancelled');
    for (const [reason, { retried }] of Object.entries(TRIAL_FAILED))
      if (retried) expect(faultOf(reason), reason).to.equal('infrastructure');
    for (const [reason, { retried }] of Object.entries(BUILD_FAILED))
      if (retried)
        expect(faultOf('BuildFailed', `TaskBuild b: ${reason}: x`), reason).to.equal('infrastructure');
  });

  it('is lost to infrastructure by a build that was, and by the task where its Dockerfile failed', () => {
    const faultFor = (message: string) => faultOf('BuildFailed', message);
    for (const reason of ['BuildTimeout', 'QueueTimeout', 'BuilderUnavailable', 'BuilderFault'])
      expect(faultFor(`TaskBuild build-1: ${reason}: it took too long`), reason).to.equal('infrastructure');
    for (const message of [
      'TaskBuild build-1: DockerfileFailed: QueueTimeout',
      'TaskBuild build-1: Odd: x',
      '',
    ])
      expect(faultFor(message), message).to.equal('definition');
    const message = 'TaskBuild build-1: Cancelled: spec.cancelled is true';
    expect(stateOf(broken('BuildFailed', { message })).state).to.equal('cancelled');
  });

  it('takes a reason of a later version for a loss', () => {
    expect(stateOf(broken('Abducted' as TrialReason)).state).to.equal('lost');
    expect(stateOf(broken('constructor' as TrialReason)).state).to.equal('lost');
  });
});

describe('Line of a Trial', () => {
  it('has the same trouble for all that came to it, whatever Pod and node they had', () => {
    const trouble = (name: string, message: string) => lineOf(broken('NodeLost', { name, message })).trouble;
    expect(trouble('a', 'the node of Pod a-1-xyz: did not end it in 30 s')).to.equal(
      trouble('b', 'the node of Pod b-2-abc: did not end it in 31 s'),
    );
    expect(trouble('a', 'one')).not.to.equal(trouble('a', 'two'));
  });

  it('has no trouble where there is a reward and no exception, nor where it was cancelled', () => {
    expect(lineOf(rewarded(0)).trouble).to.equal(undefined);
    expect(lineOf(broken('Cancelled')).trouble).to.equal(undefined);
    const slow = rewarded(1, { status: { exception: { type: 'AgentTimeoutError', message: '3 s' } } });
    expect(lineOf(slow).trouble).to.equal('AgentTimeoutError');
  });
});

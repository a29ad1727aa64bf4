import { expect } from 'chai';
import { broken, rewarded } from '../../../../test/support/builders/run-trials.ts';
import { selectionOf } from './only.ts';

describe('The Trials that were lost to infrastructure', () => {
  const isInfra = selectionOf(['infra']);
  const built = (reason: string) =>
    broken('BuildFailed', { message: `TaskBuild build-1: ${reason}: the sentence of the build` });

  it('are those whose build was, too', () => {
    for (const reason of ['BuildTimeout', 'QueueTimeout', 'BuilderUnavailable', 'BuilderFault'])
      expect(isInfra(built(reason)), reason).to.equal(true);
    for (const trial of [broken('NodeLost'), broken('StartTimeout'), broken('JobRejected')])
      expect(isInfra(trial)).to.equal(true);
  });

  it('are not those that Dockerfile, task, agent or a user have on their conscience', () => {
    for (const reason of ['DockerfileFailed', 'BaseImageNotFound', 'ContextMismatch', 'Cancelled'])
      expect(isInfra(built(reason)), reason).to.equal(false);
    for (const trial of [broken('TaskInvalid'), broken('OOMKilled'), broken('Cancelled'), rewarded(0)])
      expect(isInfra(trial)).to.equal(false);
  });
});

describe('The Trials that met a failure of their model', () => {
  const isModel = selectionOf(['model']);
  const met = (type: string, reward = 0) =>
    rewarded(reward, { status: { exception: { type, message: 'HTTP 429' } } });

  it('are selected whatever their reward', () => {
    expect(isModel(met('ApiRateLimitError'))).to.equal(true);
    expect(isModel(met('ApiOverloadedError', 1))).to.equal(true);
  });

  it('are not those that failed by key, budget or time, or that the cluster lost', () => {
    for (const type of ['AgentAuthenticationError', 'BudgetExceededError', 'AgentTimeoutError'])
      expect(isModel(met(type)), type).to.equal(false);
    expect([isModel(rewarded(0)), isModel(broken('NodeLost'))]).to.deep.equal([false, false]);
  });
});

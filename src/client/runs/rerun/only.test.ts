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

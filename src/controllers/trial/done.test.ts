import { expect } from 'chai';
import { aJob, aTrial } from '../../../test/support/builders/objects.ts';
import { aTrialSeen } from '../../../test/support/builders/trial-seen.ts';
import type { TrialKnown } from '../../../test/support/builders/trial-seen.ts';
import { nextAction } from './decide.ts';
import { afterBuildRefused, afterJobRefused, whereNameIsTaken } from './done.ts';

const failed = (reason: string) => ({ kind: 'fail', reason });

describe('after its action a Trial', () => {
  describe('where its Job’s name is taken', () => {
    const afterwards = (job: TrialKnown['job'] & object) => whereNameIsTaken(aTrialSeen(), job);

    it('goes on with a Job of its own: the answer to an earlier request was lost', () => {
      expect(afterwards({ kind: 'own', job: aJob(aTrial()) })).to.deep.equal({ kind: 'jobCreated' });
    });

    it('waits for one that is being removed, or gone by now', () => {
      expect(afterwards({ kind: 'leftover' })).to.include({ kind: 'wait', reason: 'Pending' });
      expect(afterwards({ kind: 'none' })).to.include({ kind: 'wait', reason: 'Pending' });
    });

    it('ends, in the words of a Trial that sees such a Job before', () => {
      expect(afterwards({ kind: 'foreign' })).to.deep.equal(
        nextAction(aTrialSeen({ job: { kind: 'foreign' } })),
      );
    });
  });

  describe('after a refusal of the API server', () => {
    it('ends where nothing will make it take the object', () => {
      expect(afterJobRefused('Job is invalid: spec')).to.include(failed('JobRejected'));
      expect(
        afterBuildRefused({ role: 'agent', taskBuild: 'build-1' }, 'TaskBuild is invalid: spec'),
      ).to.deep.equal({
        ...failed('BuildFailed'),
        message: 'TaskBuild build-1: BuildRejected: TaskBuild is invalid: spec',
      });
    });

    it('waits where a quota is full', () => {
      const words = 'exceeded quota: q, requested: x=1, used: x=2, limited: x=2';
      expect(afterJobRefused(words)).to.include({ kind: 'wait', reason: 'Pending', againMs: 10_000 });
      expect(afterBuildRefused({ role: 'agent', taskBuild: 'build-1' }, words)).to.include({
        kind: 'wait',
        reason: 'Pending',
      });
    });
  });
});

import { expect } from 'chai';
import { aJob, aTrial, stampOf, T0 } from '../../../test/support/builders.ts';
import { aTrialSeen } from '../../../test/support/trial-seen.ts';
import type { TrialKnown } from '../../../test/support/trial-seen.ts';
import { afterBuildRefused, afterJobRefused, nextAction, whereNameIsTaken } from './decide.ts';

const failed = (reason: string) => ({ kind: 'fail', reason });

describe('before and after the next action a Trial', () => {
  describe('needs to know', () => {
    const needed = (over: TrialKnown = {}): string => aTrialSeen(over).need;

    it('image and task of an attempt that may start', () => {
      expect(needed()).to.equal('inputs');
    });

    it('no more, as long as something keeps the attempt from starting', () => {
      const attempts = [{ number: 1, jobName: 'hello-1', completionTime: stampOf(T0), reason: 'PodLost' }];
      const held: TrialKnown[] = [
        { trial: aTrial({ spec: { cancel: true } }) },
        { trial: aTrial({ spec: { suspend: true } }) },
        { trial: { ...aTrial(), status: { attempts } }, attempt: 2 },
        { job: { kind: 'leftover' } },
        { job: { kind: 'foreign' } },
      ];
      expect(held.map(needed)).to.deep.equal(held.map(() => 'nothing'));
    });

    it('what became of an attempt that was begun, whatever is wanted by now', () => {
      const trial = aTrial({ spec: { cancel: true } });
      expect(needed({ trial, job: { kind: 'own', job: aJob(trial) } })).to.equal('report');
      expect(needed({ trial, recorded: { number: 1, jobName: 'hello-1' } })).to.equal('report');
    });
  });

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
      expect(afterBuildRefused('build-1', 'TaskBuild is invalid: spec')).to.deep.equal({
        ...failed('BuildFailed'),
        message: 'TaskBuild build-1: BuildRejected: TaskBuild is invalid: spec',
      });
    });

    it('waits where a quota is full', () => {
      const words = 'exceeded quota: q, requested: x=1, used: x=2, limited: x=2';
      expect(afterJobRefused(words)).to.include({ kind: 'wait', reason: 'Pending', againMs: 10_000 });
      expect(afterBuildRefused('build-1', words)).to.include({ kind: 'wait', reason: 'Pending' });
    });
  });
});

import { expect } from 'chai';
import { aJob, aTrial, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import { aTrialSeen } from '../../../test/support/builders/trial-seen.ts';
import type { TrialKnown } from '../../../test/support/builders/trial-seen.ts';

describe('the decision about a Trial needs to know', () => {
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

import { expect } from 'chai';
import {
  after,
  aJob,
  anOutcome,
  aPod,
  aTrial,
  containerStatus,
  stampOf,
} from '../../../test/support/builders/objects.ts';
import { aTrialSeen, type TrialKnown } from '../../../test/support/builders/trial-seen.ts';
import type { Pod } from '../../kube/kinds.ts';
import { nextAction } from './decide.ts';
import type { Observed } from './observed.ts';

const running: Pod['status'] = {
  phase: 'Running',
  containerStatuses: [containerStatus('task', { running: { startedAt: stampOf(after(1)) } })],
};

/** An attempt whose Pod has this status. */
function during(status: Pod['status'], known: TrialKnown): Observed {
  const job = aJob(aTrial());
  return aTrialSeen({ ...known, job: { kind: 'own', job }, pod: aPod(job, { ...(status && { status }) }) });
}

const recorded = { number: 1, jobName: 'hello-1' };

describe('a Trial whose namespace has a budget', () => {
  it('waits where the budget of its namespace is spent, and has nothing built', () => {
    const image = { kind: 'toBuild', taskBuild: 'b' } as const;
    for (const kind of ['spent', 'over'] as const)
      expect(nextAction(aTrialSeen({ image, budget: { kind, message: '$5.00 of $5.00' } }))).to.deep.equal({
        kind: 'wait',
        reason: 'BudgetExceeded',
        message: '$5.00 of $5.00',
      });
  });

  it('waits until what was spent is counted', () => {
    expect(nextAction(aTrialSeen({ budget: { kind: 'awaited' } }))).to.include({
      kind: 'wait',
      reason: 'Pending',
    });
  });

  it('is ended once the budget is over, and says so first', () => {
    const budget = { kind: 'over', message: '$5.00 of $5.00' } as const;
    const unpaid = { ...recorded, reason: 'BudgetExceeded', message: budget.message };
    expect(nextAction(during(running, { recorded, budget }))).to.deep.equal({
      kind: 'recordStop',
      because: 'BudgetExceeded',
      message: '$5.00 of $5.00',
    });
    // Also where the budget was raised meanwhile: half a stop is none.
    expect(nextAction(during(running, { recorded: unpaid }))).to.include({
      kind: 'stop',
      because: 'BudgetExceeded',
    });
    expect(nextAction(aTrialSeen({ recorded: unpaid }))).to.include({
      kind: 'endAttempt',
      reason: 'BudgetExceeded',
    });
  });

  it('goes on in the grace period, and for its result where it has spoken', () => {
    expect(nextAction(during(running, { budget: { kind: 'spent', message: '' } }))).to.include({
      kind: 'wait',
      reason: 'Running',
    });
    const seen = during(running, { budget: { kind: 'over', message: '' }, outcome: anOutcome() });
    expect(nextAction(seen)).to.include({ kind: 'succeed' });
  });
});

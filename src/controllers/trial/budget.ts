/** Pure: what the budget of its namespace means for a Trial. */
import type { BudgetSeen } from '../../budget/standing.ts';
import type { Wait } from './decide.ts';
import type { BegunAttempt } from './observed.ts';

/** What is to be done where nobody pays for more; undefined where somebody does. */
export function withoutBudget(budget: BudgetSeen): Wait | undefined {
  switch (budget.kind) {
    case 'none':
    case 'within':
      return undefined;
    case 'awaited':
      return UNCOUNTED;
    case 'spent':
    case 'over':
      return { kind: 'wait', reason: 'BudgetExceeded', message: budget.message };
    default:
      return budget satisfies never;
  }
}

const UNCOUNTED: Wait = {
  kind: 'wait',
  reason: 'Pending',
  message: 'what the namespace has spent of its budget is not counted yet',
};

/** Why an attempt is stopped that nobody pays for any more. */
export interface Unpaid {
  because: 'BudgetExceeded';
  message: string;
}

/** A courier that has spoken is about to end, and costs nothing any more. */
export function unpaidOf({ recorded, budget, outcome }: BegunAttempt): Unpaid | undefined {
  const because = 'BudgetExceeded';
  if (recorded?.reason === because) return { because, message: recorded.message ?? '' };
  return budget.kind === 'over' && !outcome ? { because, message: budget.message } : undefined;
}

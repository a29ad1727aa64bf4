/** Pure: what the budget of its namespace means for a Trial. */
import { withheld, type BudgetSeen } from '../../budget/standing.ts';
import type { Wait } from './decide.ts';
import type { BegunAttempt } from './observed.ts';

/** What is to be done where nobody pays for more; undefined where somebody does. */
export function withoutBudget(budget: BudgetSeen): Wait | undefined {
  const held = withheld(budget);
  return held && { kind: 'wait', ...held };
}

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

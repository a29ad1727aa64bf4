/** Pure: what the account of a namespace means for what runs there, and for what would like to. */
import { isDeepStrictEqual } from 'node:util';
import { present } from '../crds/present.ts';
import type { Job } from '../kube/kinds.ts';
import {
  corrected,
  dollars,
  lastsMs,
  marked,
  nextMonth,
  settled,
  spentIn,
  type Account,
  type Billed,
  type SeenJob,
} from './account.ts';

/** What whoever makes Pods asks before it does. */
export type BudgetSeen =
  /** The namespace has none. */
  | { kind: 'none' }
  /** This operator has not counted yet. */
  | { kind: 'awaited' }
  | { kind: 'within' }
  /** Nothing more is started. */
  | { kind: 'spent'; message: string }
  /** And what runs is ended: the grace period is over. */
  | { kind: 'over'; message: string };

/** Why nothing may be started that costs something, in words of a condition; undefined where somebody pays for it. */
export function withheld(
  budget: BudgetSeen,
): { reason: 'Pending' | 'BudgetExceeded'; message: string } | undefined {
  switch (budget.kind) {
    case 'none':
    case 'within':
      return undefined;
    case 'awaited':
      return { reason: 'Pending', message: 'what the namespace has spent of its budget is not counted yet' };
    case 'spent':
    case 'over':
      return { reason: 'BudgetExceeded', message: budget.message };
    default:
      return budget satisfies never;
  }
}

/** Beyond this share people are warned. */
export const WARN_SHARE = 0.8;

/** Of the grace period, what a Pod may need for ending in order, results included, and the operator for seeing it. */
const ENDING_MS = 60_000;

export interface Terms {
  /** Millionths of a dollar a month. */
  budget: number;
  graceMs: number;
}

/** When what runs is told to end, in milliseconds since the epoch. */
export const endsAt = (spentSince: number, { graceMs }: Terms): number =>
  spentSince + Math.max(0, graceMs - ENDING_MS);

const when = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** What was spent of it, in words. */
export function spentOf(account: Account, budget: number): string {
  const { extra, month } = account;
  const billed = extra === undefined ? '' : ` (${dollars(extra)} of it by the bill)`;
  return `${dollars(spentIn(account))}${billed} of the namespace’s budget of ${dollars(budget)} for ${month}`;
}

export function standingOf(account: Account, terms: Terms, now: number): BudgetSeen {
  const { spentSince } = account;
  if (spentSince === undefined) return { kind: 'within' };
  // The sum goes on while what runs is ended: who reads it has the one of a moment.
  const used = `${spentOf(account, terms.budget)} is spent`;
  const message = `${used}; goes on with a higher budget, or at ${when(nextMonth(now))}`;
  return { kind: now >= endsAt(spentSince, terms) ? 'over' : 'spent', message };
}

/** A look at the account comes at least so often while something may run: what is counted by then is written down. */
export const LOOK_MS = 30_000;
const SOONEST_MS = 50;

/** Milliseconds until the standing may change by time alone; undefined where nothing runs and nothing is to be ended. */
export function lookInMs(account: Account, terms: Terms, now: number): number | undefined {
  const { spentSince, holds } = account;
  const ofMonth = nextMonth(now) - now;
  if (spentSince === undefined && Object.keys(holds).length === 0) return undefined;
  const end = spentSince === undefined ? lastsMs(account, terms.budget) : endsAt(spentSince, terms) - now;
  const next = end > 0 ? Math.ceil(end) : LOOK_MS;
  return Math.max(SOONEST_MS, Math.min(next, LOOK_MS, ofMonth));
}

export interface Counting {
  jobs: readonly SeenJob[];
  budget: number;
  now: number;
  billed?: Billed | undefined;
}

/** The account as it is now, by what was seen of its Jobs, and what is charged for them. */
export function counted(account: Account, { jobs, budget, now, billed }: Counting): Account {
  const after = corrected(settled(account, jobs, now), billed);
  // What a bill brings was not spent since the last look: what runs has all of its time from now on.
  const before = { ...account, ...present({ extra: after.extra }) };
  return warnedOf(marked(after, before, budget), budget);
}

function warnedOf(account: Account, budget: number): Account {
  if (spentIn(account) >= budget * WARN_SHARE) return { ...account, warned: true };
  const { warned: _warned, ...rest } = account;
  return rest;
}

/** Whether somebody who starts anew has to know of it: else the same is counted again from what was written down before. */
export const isWorthWriting = (before: Account | undefined, after: Account): boolean =>
  before === undefined ||
  before.month !== after.month ||
  before.spentSince !== after.spentSince ||
  before.warned !== after.warned ||
  before.extra !== after.extra ||
  // A Pod that only waits spends nothing. Up to when it did is to be known, or a Job that is missed is charged for all of that time.
  (before.at + LOOK_MS <= after.at && !isDeepStrictEqual(before.holds, after.holds)) ||
  !isDeepStrictEqual(Object.keys(before.holds).toSorted(), Object.keys(after.holds).toSorted());

/** What whoever makes Pods needs of budgets. */
export interface Budgets {
  of: (namespace: string) => BudgetSeen;
  /** Makes a Job, which is on the record of its namespace before it is there. */
  making: <T>(job: Job, make: () => Promise<T>) => Promise<T>;
}

/**
 * Pure: the account of a namespace, what its Jobs have cost in this month. A hold is opened before its Job is made and closed once its Pod has
 * ended, so that nobody gets anything for nothing by deleting a Job while no operator looks.
 */
import { dayOf, monthOf } from '../text/calendar.ts';
import { MICROS } from './prices.ts';

const HOUR_MS = 3_600_000;

export interface Hold {
  /** Milliseconds since the epoch up to which it is paid, or is known to have cost nothing. */
  since: number;
  /** Millionths of a dollar an hour. */
  rate: number;
  /** Its Pod was seen on a node. */
  on?: true;
}

export interface Account {
  /** Of the year, as `2026-11`, in UTC: a budget is for each. */
  month: string;
  /** Millionths of a dollar that were counted. */
  spent: number;
  /** And what a bill says beyond that, see `corrected`. */
  extra?: number;
  /** The day (UTC) on which it was counted last, as `2026-11-30`, and what had been counted when that began. */
  day?: { of: string; spent: number };
  /** When that was counted, in milliseconds since the epoch. */
  at: number;
  /** By UID of the Job, or by its name as long as nobody has seen it. */
  holds: Record<string, Hold>;
  /** Since when the budget is spent, in milliseconds since the epoch. */
  spentSince?: number;
  /** The warning was given. */
  warned?: true;
}

/** What is seen of the Pod of a Job. */
export type Seen =
  /** No node is taken up. */
  | { kind: 'waiting' }
  /** Milliseconds since the epoch; undefined where the Pod does not say. */
  | { kind: 'running'; since: number | undefined }
  | { kind: 'ended'; since: number | undefined; at: number | undefined }
  /** Neither Job nor Pod is there. */
  | { kind: 'gone' }
  /** Its Job is about to be made. */
  | { kind: 'opening' };

/** A Job as it was seen, with what it costs where no hold knows it. */
export interface SeenJob {
  /** Undefined of one that nobody has seen. */
  uid?: string;
  /** Undefined of one that is gone. */
  name?: string;
  rate: number;
  seen: Seen;
}

/** Millionths of a dollar that are known to be spent. */
export const spentIn = ({ spent, extra = 0 }: Account): number => spent + extra;

/** When the month after that begins, in milliseconds since the epoch. */
export function nextMonth(ms: number): number {
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}

const beginOf = (month: string): number => Date.parse(`${month}-01T00:00:00Z`);

export const newAccount = (now: number): Account => ({ month: monthOf(now), spent: 0, at: now, holds: {} });

/** The account with a hold for a Job that is about to be made. Of an earlier try nobody knows whether its Job was: one hold is for both. */
export function opened(account: Account, name: string, hold: Hold): Account {
  const { since, rate } = account.holds[name] ?? hold;
  const both = { since: Math.min(since, hold.since), rate: Math.max(rate, hold.rate) };
  return { ...account, holds: { ...account.holds, [name]: both } };
}

/** The account without the hold of a Job that was not made after all. */
export function cancelled(account: Account, name: string): Account {
  const { [name]: _, ...holds } = account.holds;
  return { ...account, holds };
}

/** Clocks differ a little, and Kubernetes counts whole seconds. */
const SKEW_MS = 5000;

/** Whether a hold was opened for another Job of that name than one that was there before. */
export const isOlder = (createdAt: string | undefined, { since }: Hold): boolean =>
  createdAt !== undefined && Date.parse(createdAt) < since - SKEW_MS;

/** What becomes of a hold: until when it is charged, and what stays of it. */
interface Settled {
  from: number;
  to: number;
  stays?: Hold;
}

/** Nobody pays for what is to come. */
function settledHold(hold: Hold, seen: Seen, now: number): Settled {
  const { on, ...idle } = hold;
  // A Pod that says it was on its node before it was last seen to wait was: the two were seen by two watches.
  const begun = (since: number | undefined): number => (on ? hold.since : (since ?? hold.since));
  switch (seen.kind) {
    case 'opening':
      return { from: now, to: now, stays: hold };
    case 'waiting':
      // One that had a node and has none was there until just now.
      return { from: on ? hold.since : now, to: now, stays: { ...idle, since: now } };
    case 'running':
      return { from: begun(seen.since), to: now, stays: { ...hold, since: now, on: true } };
    case 'ended':
      return { from: begun(seen.since), to: Math.min(seen.at ?? now, now) };
    case 'gone':
      return { from: hold.since, to: now };
    default:
      return seen satisfies never;
  }
}

/** In millionths of a dollar. */
const costOf = (rate: number, ms: number): number => (rate * Math.max(0, ms)) / HOUR_MS;

/** What holds cost up to now, by what was seen of their Jobs; a Job without a hold gets one, and a hold of whose Job nothing is said stays as it is. */
export function settled(account: Account, jobs: readonly SeenJob[], now: number): Account {
  const base = inMonth(account, now);
  const begin = beginOf(base.month);
  const holds = { ...base.holds };
  let spent = base.spent;
  for (const { uid = '', name = '', rate, seen } of jobs) {
    const key = uid in holds ? uid : name;
    const hold = holds[key] ?? newcomer(rate, seen, now);
    delete holds[key];
    if (!hold) continue;
    const { from, to, stays } = settledHold(hold, seen, now);
    spent += costOf(hold.rate, to - Math.max(from, begin));
    if (stays) holds[uid === '' ? name : uid] = stays;
  }
  return { ...base, spent, holds, at: Math.max(base.at, now) };
}

/** A clock that goes back makes no month new. */
function inMonth(account: Account, now: number): Account {
  const month = monthOf(now);
  if (month <= account.month) return account;
  return { month, spent: 0, at: account.at, holds: account.holds };
}

/** A Job that was there before the namespace had a budget is paid for from now on. */
const newcomer = (rate: number, { kind }: Seen, now: number): Hold | undefined =>
  kind === 'running' || kind === 'waiting'
    ? { since: now, rate, ...(kind === 'running' && { on: true as const }) }
    : undefined;

/** Millionths of a dollar an hour, if all that may run does. */
export const rateOfAll = ({ holds }: Account): number =>
  Object.values(holds).reduce((sum, { rate }) => sum + rate, 0);

/** How long what is left lasts at most, in milliseconds. */
export const lastsMs = (account: Account, budget: number): number => {
  const rate = rateOfAll(account);
  return rate === 0 ? Infinity : Math.max(0, ((budget - spentIn(account)) / rate) * HOUR_MS);
};

/** What is charged for a namespace. */
export interface Billed {
  /** With the beginning of that day (UTC) it ends, as `2026-11-30`. */
  until: string;
  /** Millionths of a dollar, for the days of the month before that. */
  micros: number;
}

/** A bill is believed up to so many times what was counted: who has run nothing owes nothing, whatever carries their name. */
export const BILLED_MOST = 4;

/**
 * The account with what a bill says beyond what had been counted when the day began with which the bill ends. What was known to be spent stays so for
 * the month: a bill is late, and says less than there is. One that ends with another day than that of the account is compared with nothing.
 */
export function corrected(account: Account, billed?: Billed): Account {
  const today = dayOf(account.at);
  const day = account.day && account.day.of >= today ? account.day : { of: today, spent: account.spent };
  const { extra = 0 } = account;
  const most = day.spent * (BILLED_MOST - 1);
  const beyond = billed?.until === day.of ? Math.min(billed.micros - day.spent, most) : 0;
  return { ...account, day, ...(beyond > extra && { extra: beyond }) };
}

/**
 * What was counted, with the time at which the budget was spent. `before`: the account as it was counted the time before: while nobody looked the
 * money went on, and what runs gets no other grace for that.
 */
export function marked(account: Account, before: Account, budget: number): Account {
  const { spentSince, ...rest } = account;
  if (spentIn(account) < budget) return rest;
  if (spentSince !== undefined) return account;
  const isSame = before.month === account.month;
  const had = isSame ? spentIn(before) : 0;
  // It was lowered, or a bill came.
  if (had >= budget) return { ...rest, spentSince: account.at };
  const from = isSame ? before.at : Math.max(before.at, beginOf(account.month));
  const share = (budget - had) / (spentIn(account) - had);
  return { ...rest, spentSince: Math.floor(from + (account.at - from) * share) };
}

/** Whether nobody will ask for it again. */
export const isPast = ({ month, holds }: Account, now: string): boolean =>
  month < now && Object.keys(holds).length === 0;

/** `$12.34`. */
export const dollars = (micros: number): string => `$${(micros / MICROS).toFixed(2)}`;

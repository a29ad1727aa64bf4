/** What a check of `sb doctor` is and what it finds. Checks run beside each other, each for a limited time, and never throw. */
import { setTimeout as wait } from 'node:timers/promises';
import type { CheckResult } from '../../documents/cluster.ts';
import type { Session } from '../../session/types.ts';
import { ApiError, isForbidden } from '../../../kube/errors.ts';
import { explain } from '../../failures/explain.ts';
import type { AwsPlace } from './aws/place.ts';

/** Something found, before it has the name of the check. */
export type Found = Omit<CheckResult, 'check'>;

export const fine = (what: string): Found => ({ state: 'fine', what });
export const warning = (what: string, why: string, fix: string): Found => ({
  state: 'warning',
  what,
  why,
  fix,
});
export const problem = (what: string, why: string, fix: string): Found => ({
  state: 'problem',
  what,
  why,
  fix,
});
export const skipped = (what: string, why: string): Found => ({ state: 'skipped', what, why });

/** One thing to look at. What it throws is a result as well: a 403 says which permission it wants. */
export interface Check<Of> {
  /** One word, for `-o json`; never changed. */
  name: string;
  /** What it looks at, as in `the nodes could not be checked`. */
  subject: string;
  run(of: Of): Promise<Found[]>;
}

/** Who is logged in, and by how much this machine's clock is ahead of the API server's. */
interface Identity {
  user: string;
  /** Milliseconds, to within a second. */
  aheadMs: number;
}

/** What the checks of a cluster look at. */
export interface Patient {
  session: Session;
  /** Asked once. */
  identity: () => Promise<Identity>;
  /** The process's. */
  env: Record<string, string | undefined>;
  /** Also put, read and delete an object in the store. */
  writeProbe: boolean;
  /** The account of an installation on AWS; undefined where it is elsewhere. Rejects where the account cannot be asked. Opened once. */
  aws: () => Promise<AwsPlace | undefined>;
}

/** How long a check may take. */
const LIMIT_MS = 10_000;

const EXPIRED = Symbol('a check that took too long');

/** Everything the checks find, in their order. */
export async function examine<Of>(
  checks: readonly Check<Of>[],
  of: Of,
  limitMs = LIMIT_MS,
): Promise<CheckResult[]> {
  const found = await Promise.all(checks.map((check) => outcome(check, of, limitMs)));
  return found.flat();
}

async function outcome<Of>(check: Check<Of>, of: Of, limitMs: number): Promise<CheckResult[]> {
  const patience = new AbortController();
  const limit = wait(limitMs, EXPIRED, { signal: patience.signal }).catch(() => EXPIRED);
  try {
    // Inside an async function, so that a check that throws at once is one that rejects.
    const found = await Promise.race([(async () => check.run(of))(), limit]);
    return named(check, found === EXPIRED ? [expired(check, limitMs)] : (found as Found[]));
  } catch (error) {
    return named(check, [failed(check, error)]);
  } finally {
    patience.abort();
  }
}

const named = <Of>({ name }: Check<Of>, found: readonly Found[]): CheckResult[] =>
  found.map((one) => ({ check: name, ...one }));

const notChecked = ({ subject }: { subject: string }): string => `${subject} could not be checked`;

const expired = (check: { subject: string }, limitMs: number): Found => ({
  state: 'problem',
  what: notChecked(check),
  why: `no answer within ${limitMs / 1000} s`,
  fix: 'run sb doctor again; if this persists, look for a slow network, proxy or API server',
});

/** What a check that threw comes to. */
export function failed(check: { subject: string }, error: unknown): Found {
  const { what, why, fix, code } = explain(error);
  // Whoever may not look is told so, and nothing is known to be wrong.
  if (isForbidden(error)) return { state: 'warning', what: notChecked(check), why: what, fix, code };
  const isCheckItself = error instanceof ApiError || code === 'SB-E099';
  return isCheckItself
    ? { state: 'problem', what: notChecked(check), why, fix, code }
    : { state: 'problem', what, why, fix, code };
}

/** The results, with what follows from an API server that cannot be used kept short. `api`: the check that asks just that. */
export function withoutEchoes(results: readonly CheckResult[], api: string): CheckResult[] {
  if (!results.some(({ check, state }) => check === api && state === 'problem')) return [...results];
  return results.map((result) =>
    result.check === api || result.state === 'fine' || result.why === undefined
      ? result
      : { check: result.check, ...skipped(result.what, 'the API server cannot be used') },
  );
}

/** What a check of `sb doctor` is, and what it finds. */
import type { CheckResult } from '../../documents/cluster.ts';
import type { Session } from '../../session/types.ts';

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

/** One thing to look at. What it throws is a finding as well: a 403 says which permission it wants. */
export interface Check<Of> {
  /** One word, for `-o json`; never changed. */
  name: string;
  /** What it looks at, as in `the nodes could not be checked`. */
  subject: string;
  run(of: Of): Promise<Found[]>;
}

/** Who is logged in, and by how much this machine's clock is ahead of the API server's. */
export interface Identity {
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
}

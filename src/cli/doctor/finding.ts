/** What a check of `sb doctor` is, and what it finds. */
import type { Code } from '../failure/catalogue.ts';
import type { Session } from '../types.ts';

/** `skipped`: it could not be looked at, for a reason that another finding names. */
export type State = 'fine' | 'warning' | 'problem' | 'skipped';

export interface Found {
  state: State;
  /** `the broker has 2 endpoints`. */
  what: string;
  why?: string;
  /** The command that puts it right, or what to do. May have several lines. */
  fix?: string;
  /** YAML that the fix applies. */
  manifest?: string;
  /** Where the same failure has a page. */
  code?: Code;
}

/** Something found, with the name of the check. */
export interface Finding extends Found {
  check: string;
}

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

import type { Lease } from '../kinds.ts';

type LeaseSpec = NonNullable<Lease['spec']>;

export interface Claim {
  identity: string;
  /** Epoch milliseconds. */
  now: number;
  durationMs: number;
}

/** RFC 3339 with microseconds; the API server refuses anything coarser in a Lease. */
export function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}

/** The record that claims or renews a lease, given the one before. */
export function claimed(before: LeaseSpec | undefined, { identity, now, durationMs }: Claim): LeaseSpec {
  const mine = before?.holderIdentity === identity;
  const transitions = before?.leaseTransitions ?? 0;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.round(durationMs / 1000),
    acquireTime: (mine ? before.acquireTime : undefined) ?? microTime(now),
    renewTime: microTime(now),
    leaseTransitions: mine || before === undefined ? transitions : transitions + 1,
  };
}

/** The record that gives a lease away: nobody's, and expired in a second. */
export function released(before: LeaseSpec, now: number): LeaseSpec {
  return { ...before, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(now) };
}

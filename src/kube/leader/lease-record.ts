import type { Lease } from '../kinds.ts';

type LeaseSpec = NonNullable<Lease['spec']>;

/** By resource, `batch/jobs`: the resourceVersion up to which a leader knew all objects, and which none of its own writes is newer than. */
export type Versions = Readonly<Record<string, string>>;

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

/**
 * What a leader that gives its lease away tells the one who claims it next, in an annotation. It says which release it is of: an operator that knows
 * nothing of it leaves it there. Without an annotation nothing is told.
 */
export class Handover {
  readonly #annotation: string | undefined;
  readonly #versions: () => Versions;

  constructor(annotation?: string, versions: () => Versions = () => ({})) {
    this.#annotation = annotation;
    this.#versions = versions;
  }

  /** The released lease with what there is to tell now. */
  written(lease: Lease): Lease {
    if (this.#annotation === undefined) return lease;
    const told = JSON.stringify({ released: lease.spec?.renewTime, versions: this.#versions() });
    const annotations = { ...lease.metadata.annotations, [this.#annotation]: told };
    return { ...lease, metadata: { ...lease.metadata, annotations } };
  }

  /** What the leader before told; undefined where it did not give this lease away, or told nothing. */
  read({ metadata, spec }: Lease): Versions | undefined {
    const told = metadata.annotations?.[this.#annotation ?? ''];
    if (told === undefined || spec?.holderIdentity !== '') return undefined;
    const { released: at, versions } = parsed(told);
    return at === spec.renewTime && areVersions(versions) ? versions : undefined;
  }

  /** The lease without it. */
  removed(lease: Lease): Lease {
    if (lease.metadata.annotations === undefined) return lease;
    const { [this.#annotation ?? '']: _, ...annotations } = lease.metadata.annotations;
    return { ...lease, metadata: { ...lease.metadata, annotations } };
  }
}

function parsed(text: string): { released?: unknown; versions?: unknown } {
  try {
    return Object(JSON.parse(text)) as object;
  } catch {
    return {};
  }
}

const areVersions = (told: unknown): told is Versions =>
  typeof told === 'object' &&
  told !== null &&
  Object.values(told).every((version) => typeof version === 'string' && /^\d+$/.test(version));

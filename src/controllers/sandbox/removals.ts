/** Pure: the Jobs of a Sandbox that are to be deleted. */
import type { SandboxAttempt } from '../../crds/sandbox.ts';
import type { Job } from '../../kube/kinds.ts';
import { isActive } from '../../pods/reading/job.ts';
import type { Observed } from './observed.ts';
import type { Done } from './status.ts';

/** The Job controller needs a moment to see that a Pod has ended. */
const GRACE_MS = 15_000;
/** Ends that no Pod comes to by itself. */
const ENDED_BY_US = new Set(['Suspended', 'Expired', 'BudgetExceeded', 'NodeLost', 'PodLost']);

export interface Removals {
  jobs: Job[];
  /** Milliseconds until there may be more. */
  againMs?: number;
}

/**
 * Jobs that may still have a Pod, and are of no attempt that is open: of those that spec or time have ended, of a lost node's, and of requests of a
 * dead operator that came late. A Pod that ended by itself leaves its Job to its `ttlSecondsAfterFinished`.
 */
export function removals(seen: Observed, done: Done): Removals {
  const { job, others, sandbox, now } = seen;
  const ends = done.kind === 'end' || done.kind === 'retry';
  const ended = ends && job.kind === 'own' ? [{ job: job.job, leftMs: graceOf(done.reason) }] : [];
  const adopted = done.kind === 'adopted' ? done.job.metadata.name : undefined;
  const before = others
    .filter(({ metadata }) => metadata.name !== adopted)
    .map((one) => ({ job: one, leftMs: leftOf(one, sandbox.status?.attempts, now) }));
  const all = [...ended, ...before].filter(
    ({ job: one }) => isActive(one) && one.metadata.deletionTimestamp === undefined,
  );
  const later = all.filter(({ leftMs }) => leftMs > 0).map(({ leftMs }) => leftMs);
  return {
    jobs: all.filter(({ leftMs }) => leftMs <= 0).map(({ job: one }) => one),
    ...(later.length > 0 && { againMs: Math.min(...later) }),
  };
}

/** Whoever closed the attempt deletes its Job: it is only done again where that did not come to it. */
const AGAIN_MS = 2000;

const graceOf = (reason: string): number => (ENDED_BY_US.has(reason) ? 0 : GRACE_MS);

function leftOf({ metadata }: Job, attempts: SandboxAttempt[] = [], now: Date): number {
  const attempt = attempts.find(({ jobName }) => jobName === metadata.name);
  if (!attempt?.completionTime) return 0;
  return (
    Date.parse(attempt.completionTime) + Math.max(AGAIN_MS, graceOf(attempt.reason ?? '')) - now.getTime()
  );
}

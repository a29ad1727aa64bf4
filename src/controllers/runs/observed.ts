/** What the runs controller sees; every decision rests on this alone. */
import type { TrialRecord } from '../../results/record.ts';
import type { StoredRun } from './known.ts';

/** A run of a namespace. */
export interface RunKey {
  namespace: string;
  run: string;
}

/** Everything that a decision about a run rests on. */
export interface ObservedRun {
  key: RunKey;
  /** What the bucket has of it. */
  stored: StoredRun;
  /** Of Trials that ended and are not in the index, the one that ended first first. */
  fresh: TrialRecord[];
  /** Trials that have not ended. */
  open: { count: number; running: number; firstCreatedAt?: Date | undefined };
}

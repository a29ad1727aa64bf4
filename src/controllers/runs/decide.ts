/** Pure: what was observed of a run → what is to be written of it. */
import type { TrialRecord } from '../../results/record.ts';
import { extended, isFull, type IndexManifest, type PackedShard } from '../../results/run-index.ts';
import type { StoredRun } from './known.ts';
import type { ObservedRun } from './observed.ts';

export type RunAction =
  /** The bucket has everything. */
  | { kind: 'rest' }
  /** The index takes no more: these are found by their tasks, and under `trials/`. */
  | { kind: 'leaveOut'; records: TrialRecord[] }
  /** Store the shards, then the manifest that lists them, then the aggregate. */
  | {
      kind: 'extend';
      records: TrialRecord[];
      manifest: IndexManifest;
      shards: PackedShard[];
      tail: TrialRecord[];
    }
  /** The index is right, the aggregate is not. */
  | { kind: 'aggregate' };

/** Between two writings of a run. */
const PAUSE_MS = 5000;
/** The aggregate names all Trials, so that writing it every five seconds would cost a run of 100,000 Trials hundreds of gigabytes. */
const PAUSE_MS_PER_RECORD = 0.5;
/** Records that are taken in at once. */
const BATCH = 2000;

/** Milliseconds until the run may be written again; 0 where it may be now. */
export function pauseMs({ wroteAtMs, manifest }: StoredRun, nowMs: number): number {
  if (wroteAtMs === undefined) return 0;
  const pause = Math.max(PAUSE_MS, manifest.records * PAUSE_MS_PER_RECORD);
  return Math.max(0, wroteAtMs + pause - nowMs);
}

export function nextAction({ stored, fresh, open }: ObservedRun): RunAction {
  const { manifest, tail } = stored;
  const records = fresh.slice(0, BATCH);
  if (records.length > 0 && isFull(manifest)) return { kind: 'leaveOut', records };
  if (records.length > 0) {
    const complete = open.count === 0 && records.length === fresh.length;
    const next = extended(manifest, { tail, fresh: records, complete });
    return { kind: 'extend', records, manifest: next.manifest, shards: next.stored, tail: next.tail };
  }
  return isUpToDate(stored, open.count) ? { kind: 'rest' } : { kind: 'aggregate' };
}

/** Before the first end there is nothing to tell; who runs and who waits is in the cluster, and changes too often. */
function isUpToDate({ manifest, result }: StoredRun, open: number): boolean {
  if (manifest.records === 0) return true;
  return result?.completed === manifest.records && result.total === manifest.records + open;
}

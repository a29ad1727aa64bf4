/**
 * What the leader keeps of runs. All of it can be read again from the bucket and the cache, but for the records of Trials that somebody
 * deleted moments after their end: those are kept here until they are in the index.
 */
import { isFinished } from '../../crds/conditions.ts';
import { ADHOC_RUN, identityOf } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Change, WatchedStore } from '../../kube/cache/cache.ts';
import type { Log, ObjectKey } from '../../kube/types.ts';
import type { Enqueue, Feed } from '../../kube/work/feed.ts';
import type { JobFold } from '../../results/job-result.ts';
import { recordOf, type TrialRecord } from '../../results/record.ts';
import type { IndexManifest } from '../../results/run-index.ts';
import type { RunKey } from './observed.ts';

/** `jobs/<job>/result.json` as it is stored: what tells whether it is up to date. */
export interface StoredResult {
  etag: string;
  total: number;
  completed: number;
}

/** What the bucket has of a run, as this process read or wrote it last. */
export interface StoredRun {
  job: string;
  manifest: IndexManifest;
  /** Of the manifest; undefined where there is none yet. */
  etag?: string | undefined;
  /** Records of the shards that are not sealed. */
  tail: TrialRecord[];
  /** All records, added up. */
  fold: JobFold;
  result?: StoredResult | undefined;
  /** When it was written last, by the monotonic clock; undefined where nobody has written yet. */
  wroteAtMs?: number | undefined;
}

/** Runs are forgotten, the one that was used least recently first, once they have more records than this together; 100,000 take about 20 MiB. */
const RECORDS_KEPT = 200_000;
const RUNS_KEPT = 1000;
/** Records of deleted Trials that wait for a store that does not answer, 10 MiB of them. */
const GONE_MAX = 50_000;

export const runKeyOf = ({ metadata, spec }: Trial): ObjectKey => ({
  namespace: metadata.namespace ?? '',
  name: spec.run ?? ADHOC_RUN,
});

const idOf = ({ namespace, run }: RunKey): string => `${namespace}/${run}`;

/** Index of Trials by their run. */
export const byRun = (trial: Trial): string[] => {
  const { namespace, name } = runKeyOf(trial);
  return [idOf({ namespace, run: name })];
};

export class Known {
  readonly #runs = new Map<string, StoredRun>();
  /** UIDs of Trials that are in the index and still in the cluster. */
  readonly #recorded = new Set<string>();
  /** By run and UID: records of Trials that were deleted before they were in the index. */
  readonly #gone = new Map<string, Map<string, TrialRecord>>();
  /** By UID: Trials as they ended, of which no change has told yet; undefined while that is being written. */
  readonly #ends = new Map<string, Trial | undefined>();
  #goneCount = 0;
  #gaveUp = false;
  #term: { trials: WatchedStore<Trial>; enqueue: Enqueue; log: Pick<Log, 'warn'> } | undefined;

  get(key: RunKey): StoredRun | undefined {
    const found = this.#runs.get(idOf(key));
    if (found) this.#use(key, found);
    return found;
  }

  keep(key: RunKey, stored: StoredRun): void {
    this.#use(key, stored);
    let records = 0;
    for (const { manifest } of this.#runs.values()) records += manifest.records;
    for (const [id, { manifest }] of this.#runs) {
      if (this.#runs.size === 1 || (records <= RECORDS_KEPT && this.#runs.size <= RUNS_KEPT)) return;
      this.#runs.delete(id);
      records -= manifest.records;
    }
  }

  /** Has it read again: somebody else wrote. */
  forget(key: RunKey): void {
    this.#runs.delete(idOf(key));
  }

  /** Writes the end of a Trial. Where it is deleted before that is heard, nobody else knows that it ended. */
  async ending(trial: Trial, write: () => Promise<Trial>): Promise<void> {
    const { uid, ...key } = identityOf(trial);
    this.#ends.set(uid, undefined);
    try {
      const written = await write();
      // The change may come before the answer: then it has told all.
      if (!this.#ends.has(uid)) return;
      if (this.#term?.trials.get(key)?.metadata.uid === uid) this.#ends.set(uid, written);
      else this.#leave(written);
    } finally {
      if (this.#ends.get(uid) === undefined) this.#ends.delete(uid);
    }
  }

  isRecorded(uid: string): boolean {
    return this.#recorded.has(uid);
  }

  record(key: RunKey, uids: Iterable<string>): void {
    const gone = this.#gone.get(idOf(key));
    for (const uid of uids) {
      if (gone?.delete(uid)) this.#goneCount -= 1;
      else this.#recorded.add(uid);
    }
    if (gone?.size === 0) this.#gone.delete(idOf(key));
  }

  /** Records of the run's Trials that were deleted before they were in the index. */
  gone(key: RunKey): TrialRecord[] {
    return [...(this.#gone.get(idOf(key))?.values() ?? [])];
  }

  /** Hears which Trials are deleted, for one term of leadership; begins with nothing known. */
  feed(trials: WatchedStore<Trial>): Feed {
    return {
      start: (enqueue, log) => {
        this.#term = { trials, enqueue, log };
        for (const kept of [this.#runs, this.#recorded, this.#gone, this.#ends]) kept.clear();
        this.#goneCount = 0;
        this.#gaveUp = false;
        return trials.subscribe((change) => this.#hear(change));
      },
    };
  }

  #hear({ type, object }: Change<Trial>): void {
    const { uid } = identityOf(object);
    const last = isFinished(object) ? object : this.#ends.get(uid);
    if (type !== 'deleted' && last !== object) return;
    // Of an end that is being written, the answer will say.
    if (last) this.#ends.delete(uid);
    if (type === 'deleted' && !this.#recorded.delete(uid) && last) this.#leave(last);
  }

  /** Keeps the record of a Trial that is no longer there. */
  #leave(trial: Trial): void {
    const { uid } = identityOf(trial);
    const record = recordOf(trial);
    if (!record) return;
    const id = byRun(trial)[0] ?? '';
    const gone = this.#gone.get(id) ?? new Map<string, TrialRecord>();
    this.#goneCount += Number(!gone.has(uid));
    this.#gone.set(id, gone.set(uid, record));
    if (this.#goneCount > GONE_MAX) this.#giveUpOldest();
    this.#term?.enqueue(runKeyOf(trial), {});
  }

  /** The result itself is in the bucket, so a reindex finds it. Warns once: where one is given up, thousands are. */
  #giveUpOldest(): void {
    const [oldest] = this.#gone;
    const [uid] = oldest?.[1].keys() ?? [];
    if (!oldest || uid === undefined) return;
    const [run, gone] = oldest;
    gone.delete(uid);
    this.#goneCount -= 1;
    if (gone.size === 0) this.#gone.delete(run);
    if (!this.#gaveUp)
      this.#term?.log.warn(
        { run },
        `more than ${GONE_MAX} deleted Trials wait for the index; sb run reindex adds the rest`,
      );
    this.#gaveUp = true;
  }

  #use(key: RunKey, stored: StoredRun): void {
    this.#runs.delete(idOf(key));
    this.#runs.set(idOf(key), stored);
  }
}

/** Makes index and aggregate of a run anew, out of what is stored of its Trials and what the cluster still has of them. */
import { RUNS_TOGETHER } from '../../results/task-runs.ts';
import { inParallel } from '../../async/in-parallel.ts';
import { isFinished } from '../../crds/conditions.ts';
import type { Trial } from '../../crds/trial.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import { jobResult, naiveUtc } from '../../results/job-result.ts';
import { indexManifestKey, jobOf, jobResultKey, taskIndexPrefix, TRIAL_FILES } from '../../results/keys.ts';
import { findJob, recordsOfShard, type StoredJob } from '../../results/read-index.ts';
import { inOrderOfEnd, recordOf, recordOfResult, type TrialRecord } from '../../results/record.ts';
import { emptyManifest, extended, IndexBroken } from '../../results/run-index.ts';
import {
  addTaskRuns,
  storeEntries,
  storeManifest,
  storeResult,
  storeShards,
  undisturbed,
} from '../../results/write-index.ts';
import { byText } from '../../text/figures.ts';
import { storedTrials } from './mirror/mirror.ts';

interface ReindexOptions {
  store: ArtifactStore;
  run: string;
  /** Trials of others are left out. */
  namespace: string;
  /** Those that the cluster has. */
  trials: readonly Trial[];
  now: () => Date;
  signal: AbortSignal;
  /** Told how many results have been read. */
  onProgress?: (read: number) => void;
}

interface ReindexedRun {
  /** Where index and aggregate are: `jobs/<job>/`. */
  job: string;
  /** Trials in the index now. */
  trials: number;
  shards: number;
  /** Of them, those that were not in it before. */
  added: number;
  /** Folders of Trials without a result that a record can be made of. */
  unreadable: string[];
}

const WIDTH = 16;
const RESULT_MAX_BYTES = 1024 ** 2;

/** Throws what the store says; whoever else writes meanwhile, the operator among them, is waited for. */
export async function reindexRun(options: ReindexOptions): Promise<ReindexedRun> {
  const { records, unreadable } = await storedRecords(options);
  for (const trial of options.trials) {
    const record = recordOf(trial);
    if (record) records.set(record.trial_name, record);
  }
  const all = await undisturbed(() => rewrite(options, records), TRIES);
  await storeEntries(options.store, all.records, options.signal);
  for (const runs of Map.groupBy(all.records, taskIndexPrefix).values()) {
    options.signal.throwIfAborted();
    if (runs.length >= RUNS_TOGETHER) await addTaskRuns(options.store, runs);
  }
  const { job, shards, added } = all;
  return { job, trials: all.records.length, shards, added, unreadable };
}

/** Writers of the run at the same time. */
const TRIES = 6;

/** What `trials/<run>/` tells of this namespace's Trials. */
async function storedRecords(
  options: ReindexOptions,
): Promise<{ records: Map<string, TrialRecord>; unreadable: string[] }> {
  const { store, run, namespace, signal, onProgress } = options;
  const records = new Map<string, TrialRecord>();
  const unreadable: string[] = [];
  let read = 0;
  await inParallel(
    storedTrials(store, run),
    async ({ trialName, prefix }) => {
      const record = await recordAt(store, `${prefix}${TRIAL_FILES.result}`);
      onProgress?.(++read);
      if (record?.trial_name !== trialName || record.run !== run) unreadable.push(trialName);
      else if (record.namespace === namespace) records.set(trialName, record);
    },
    { width: WIDTH, signal },
  );
  return { records, unreadable: unreadable.sort(byText) };
}

async function recordAt(store: ArtifactStore, key: string): Promise<TrialRecord | undefined> {
  try {
    const contents = await store.get(key, RESULT_MAX_BYTES);
    return contents && recordOfResult(JSON.parse(Buffer.from(contents).toString('utf8')));
  } catch (error) {
    const unreadable =
      error instanceof SyntaxError || (error instanceof ProviderError && error.reason === 'TooLarge');
    if (unreadable) return undefined;
    throw error;
  }
}

interface Rewritten {
  job: string;
  records: TrialRecord[];
  shards: number;
  added: number;
}

/** Index first, then the aggregate, as the operator has it. The etags come before everything else is read. */
async function rewrite(
  { store, run, namespace, trials, now }: ReindexOptions,
  records: ReadonlyMap<string, TrialRecord>,
): Promise<Rewritten> {
  const found = await readableJob(store, { run, namespace });
  const { job } = found;
  const result = await store.head(jobResultKey(job));
  const before = await recordsBefore(store, found);
  // Trials without files are in the index alone.
  const all = [...new Map([...before, ...records]).values()].sort(inOrderOfEnd);
  const { manifest, stored } = extended(emptyManifest(run, namespace), {
    tail: [],
    fresh: all,
    complete: true,
  });
  await storeShards(store, job, stored);
  await storeManifest(store, job, { manifest, etag: found.etag });
  const open = trials.filter((trial) => !isFinished(trial)).length;
  const progress = { run: job, total: all.length + open, running: 0, now: now(), stamp: naiveUtc };
  await storeResult(store, job, { result: jobResult(all, progress), etag: result?.etag });
  const added = all.filter(({ trial_name }) => !before.has(trial_name)).length;
  return { job, records: all, shards: stored.length, added };
}

/** A manifest that is none is written over: who may do that may as well delete it. */
async function readableJob(
  store: ArtifactStore,
  key: { run: string; namespace: string },
): Promise<StoredJob> {
  try {
    return await findJob(store, key);
  } catch (error) {
    if (!(error instanceof IndexBroken)) throw error;
    const job = jobOf(key.run, key.namespace, true);
    const found = await store.head(indexManifestKey(job));
    return { job, ...(found && { etag: found.etag }) };
  }
}

/** What can be read of the index as it is, by trial name; a shard that is damaged is left out. */
async function recordsBefore(
  store: ArtifactStore,
  { job, manifest }: StoredJob,
): Promise<Map<string, TrialRecord>> {
  const shards = await inParallel(
    manifest?.shards ?? [],
    (shard) =>
      recordsOfShard(store, job, shard).catch((error: unknown) => {
        if (error instanceof IndexBroken) return [];
        throw error;
      }),
    { width: WIDTH },
  );
  return new Map(shards.flat().map((record) => [record.trial_name, record]));
}

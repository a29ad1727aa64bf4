/** Every read of the runs controller: Trials from the watch cache; what the bucket has of a run once, and again where somebody else wrote it. */
import { parsedJson } from '../../text/json.ts';
import Value from 'typebox/value';
import { isFinished } from '../../crds/conditions.ts';
import { identityOf } from '../../crds/names.ts';
import { Type } from '../../crds/schema.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Store } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { JobFold } from '../../results/job-result.ts';
import { indexManifestKey, jobResultKey } from '../../results/keys.ts';
import { findJob, recordsOfShard, type StoredJob } from '../../results/read-index.ts';
import { inOrderOfEnd, recordOf, type TrialRecord } from '../../results/record.ts';
import { emptyManifest, tailStart } from '../../results/run-index.ts';
import { isRunning, stateOf } from '../../results/state.ts';
import type { Known, StoredResult, StoredRun } from './known.ts';
import type { ObservedRun, RunKey } from './observed.ts';
import type { TaskRuns } from './task-runs.ts';

export interface RunSources {
  /** Indexed by `run`: `byRun`. */
  trials: Store<Trial>;
  artifacts: ArtifactStore;
  known: Known;
  taskRuns: TaskRuns;
  /** Milliseconds that never jump. */
  monotonic: () => number;
  now: () => Date;
}

/** Resolves undefined where there is no such run any more, and nothing of it is missing in the index. */
export async function observe(sources: RunSources, key: RunKey): Promise<ObservedRun | undefined> {
  const { known } = sources;
  const trials = sources.trials.by('run', `${key.namespace}/${key.run}`);
  if (trials.length === 0 && known.gone(key).length === 0 && !known.get(key)) return undefined;
  const stored = known.get(key) ?? (await load(sources, key, trials));
  return { key, stored, fresh: freshOf(known, key, trials), open: openOf(trials) };
}

function freshOf(known: Known, key: RunKey, trials: readonly Trial[]): TrialRecord[] {
  const ended = trials.filter((trial) => isFinished(trial) && !known.isRecorded(identityOf(trial).uid));
  const records = [...known.gone(key), ...ended.flatMap((trial) => recordOf(trial) ?? [])];
  return records.sort(inOrderOfEnd);
}

function openOf(trials: readonly Trial[]): ObservedRun['open'] {
  const open = trials.filter((trial) => !isFinished(trial));
  const created = open.map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '') || Infinity);
  const first = created.reduce((least, at) => Math.min(least, at), Infinity);
  return {
    count: open.length,
    running: open.filter((trial) => isRunning(stateOf(trial).state)).length,
    firstCreatedAt: Number.isFinite(first) ? new Date(first) : undefined,
  };
}

/** Reads the run's index and marks those of its Trials that are in it. */
async function load(sources: RunSources, key: RunKey, trials: readonly Trial[]): Promise<StoredRun> {
  const { artifacts, known, taskRuns, monotonic } = sources;
  const {
    job,
    manifest = emptyManifest(key.run, key.namespace),
    etag,
    result,
  } = await readJob(artifacts, key);
  const start = tailStart(manifest);
  const gone = known.gone(key).map(({ uid }) => uid);
  const live = new Set([...trials.map((trial) => identityOf(trial).uid), ...gone]);
  // Whoever wrote it last may have done so just now.
  const wroteAtMs = etag === undefined ? undefined : monotonic();
  const stored: StoredRun = { job, manifest, etag, tail: [], fold: new JobFold(), result, wroteAtMs };
  for (const [position, shard] of manifest.shards.entries()) {
    const records = await recordsOfShard(artifacts, job, shard);
    for (const record of records) stored.fold.add(record);
    if (position >= start) stored.tail.push(...records);
    const there = records.filter(({ uid }) => live.has(uid));
    known.record(
      key,
      there.map(({ uid }) => uid),
    );
    taskRuns.add(there);
  }
  known.keep(key, stored);
  return stored;
}

type ReadJob = StoredJob & { result?: StoredResult | undefined };

/** Whoever writes without end must not keep a worker for ever; the queue tries again later. */
const READS = 8;

/** Index and aggregate as they were at one time: an aggregate that was newer than the index would be written over with an older one. */
async function readJob(artifacts: ArtifactStore, key: RunKey): Promise<ReadJob> {
  for (let reads = 0; reads < READS; reads += 1) {
    const found = await findJob(artifacts, key);
    if (found.etag === undefined) return found;
    const result = await storedResult(artifacts, found.job);
    const after = await artifacts.head(indexManifestKey(found.job));
    if (after?.etag === found.etag) return { ...found, result };
  }
  throw new Error(
    `the index of run ${key.namespace}/${key.run} was written ${READS} times while it was read`,
  );
}

/** What the aggregate says of itself; its names of Trials are not needed. */
const Written = Type.Object({
  n_total_trials: Type.Integer({ minimum: 0 }),
  stats: Type.Object({ n_completed_trials: Type.Integer({ minimum: 0 }) }),
});

const RESULT_MAX_BYTES = 64 * 1024 ** 2;

/** One that is none, or too large, is written over: everything it says is in the index. */
async function storedResult(artifacts: ArtifactStore, job: string): Promise<StoredResult | undefined> {
  const found = await artifacts.head(jobResultKey(job));
  if (!found) return undefined;
  const unknown = { etag: found.etag, total: -1, completed: -1 };
  if (found.size > RESULT_MAX_BYTES) return unknown;
  const contents = await artifacts.get(jobResultKey(job), RESULT_MAX_BYTES);
  const result = contents && parsedJson(Buffer.from(contents).toString('utf8'));
  if (!Value.Check(Written, result)) return unknown;
  return { etag: found.etag, total: result.n_total_trials, completed: result.stats.n_completed_trials };
}

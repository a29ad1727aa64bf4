/** Writing indexes and aggregates into a store: by the operator as Trials end, by `sb run reindex` out of what is stored of them. */
import { inParallel } from '../async/in-parallel.ts';
import { retry } from '../async/retry.ts';
import { indexManifestKey, jobResultKey, shardKey, taskEntryKey, taskRunsKey } from './keys.ts';
import type { JobResult } from './job-result.ts';
import type { StoredObjects } from './read-index.ts';
import type { TrialRecord } from './record.ts';
import type { IndexManifest, PackedShard } from './run-index.ts';
import { TASK_RUNS_MAX_BYTES, withRuns } from './task-runs.ts';

interface Condition {
  contentType: string;
  ifAbsent?: boolean;
  ifMatch?: string;
}

/** What writing needs of an ArtifactStore. */
export interface WritableObjects extends StoredObjects {
  put(key: string, body: Uint8Array | string, options?: Condition): Promise<string>;
}

/** Objects stored at the same time. */
const WIDTH = 16;
const JSON_TYPE = { contentType: 'application/json' };
const GZIP_TYPE = { contentType: 'application/gzip' };

const json = (value: object): string => `${JSON.stringify(value)}\n`;

/** Whether a store refused because the object is there already, or is another than the one that was to be written over. */
export const isPrecondition = (error: unknown): boolean =>
  error instanceof Error && 'reason' in error && error.reason === 'PreconditionFailed';

/** What never changes: one that is there is the same. */
async function putOnce(
  store: WritableObjects,
  key: string,
  { body, type }: { body: Uint8Array | string; type: Condition },
): Promise<void> {
  try {
    await store.put(key, body, { ...type, ifAbsent: true });
  } catch (error) {
    if (!isPrecondition(error)) throw error;
  }
}

/** Over the object with this etag, or where there is none. */
const putOver = (
  store: WritableObjects,
  key: string,
  { value, etag }: { value: object; etag: string | undefined },
): Promise<string> =>
  store.put(key, json(value), {
    ...JSON_TYPE,
    ...(etag === undefined ? { ifAbsent: true } : { ifMatch: etag }),
  });

/** One immutable object for each Trial, found by its task. */
export async function storeEntries(
  store: WritableObjects,
  records: Iterable<TrialRecord>,
  signal: AbortSignal,
): Promise<void> {
  await inParallel(
    records,
    (record) => putOnce(store, taskEntryKey(record), { body: json(record), type: JSON_TYPE }),
    { width: WIDTH, signal },
  );
}

/** Before the manifest that lists them. */
export async function storeShards(
  store: WritableObjects,
  job: string,
  shards: readonly PackedShard[],
): Promise<void> {
  for (const { shard, body } of shards)
    await putOnce(store, shardKey(job, shard.name), { body, type: GZIP_TYPE });
}

/** From here on the records of its shards count. Resolves the new etag; `PreconditionFailed` where somebody else wrote. */
export const storeManifest = (
  store: WritableObjects,
  job: string,
  { manifest, etag }: { manifest: IndexManifest; etag: string | undefined },
): Promise<string> => putOver(store, indexManifestKey(job), { value: manifest, etag });

/** Resolves the new etag; `PreconditionFailed` where somebody else wrote. */
export const storeResult = (
  store: WritableObjects,
  job: string,
  { result, etag }: { result: JobResult; etag: string | undefined },
): Promise<string> => putOver(store, jobResultKey(job), { value: result, etag });

/** Does it again at once where somebody else wrote; `tries` in all, each of the others may come in between once. */
export const undisturbed = <T>(work: () => Promise<T>, tries: number): Promise<T> =>
  retry(work, {
    pauseMs: (error, failures) => (isPrecondition(error) && failures < tries ? 0 : undefined),
  });

/** Writers of the same version at the same time. */
const TRIES = 4;

/** Adds records of one version of a task to its `runs.json`. */
export async function addTaskRuns(store: WritableObjects, records: readonly TrialRecord[]): Promise<void> {
  const [first] = records;
  if (first) await undisturbed(() => mergeTaskRuns(store, taskRunsKey(first), records), TRIES);
}

async function mergeTaskRuns(
  store: WritableObjects,
  key: string,
  records: readonly TrialRecord[],
): Promise<void> {
  const found = await store.head(key);
  const readable = found !== undefined && found.size <= TASK_RUNS_MAX_BYTES;
  const contents = readable ? await store.get(key, TASK_RUNS_MAX_BYTES) : undefined;
  const text = withRuns(contents, records);
  if (contents && Buffer.from(contents).toString('utf8') === text) return;
  await store.put(key, text, { ...JSON_TYPE, ...(found ? { ifMatch: found.etag } : { ifAbsent: true }) });
}

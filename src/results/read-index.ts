/** Reading the index of a run out of a store, for the operator and everybody else. */
import {
  INDEX_MANIFEST_MAX_BYTES,
  IndexBroken,
  readIndexManifest,
  readShard,
  SHARD_MAX_BYTES,
} from './run-index.ts';
import type { IndexManifest, Shard } from './run-index.ts';
import { indexManifestKey, jobOf, shardKey } from './keys.ts';
import type { TrialRecord } from './record.ts';

/** What reading needs of an ArtifactStore. */
export interface StoredObjects {
  head(key: string): Promise<{ etag: string; size: number } | undefined>;
  get(key: string, maxBytes: number): Promise<Uint8Array | undefined>;
}

/** A run of a namespace in the bucket. */
export interface StoredJob {
  job: string;
  /** Undefined where nothing of it is stored yet. */
  manifest?: IndexManifest;
  /** Of the manifest. */
  etag?: string;
}

/** The job of this namespace's run: `jobs/<run>/` belongs to the namespace that used the name first. Throws IndexBroken. */
export async function findJob(
  store: StoredObjects,
  { run, namespace }: { run: string; namespace: string },
): Promise<StoredJob> {
  const first = await jobAt(store, jobOf(run, namespace, true));
  if (!first.manifest || first.manifest.namespace === namespace) return first;
  const own = await jobAt(store, jobOf(run, namespace, false));
  if (own.manifest && own.manifest.namespace !== namespace)
    throw new IndexBroken(`${indexManifestKey(own.job)} is of namespace ${own.manifest.namespace}`);
  return own;
}

/** The etag comes first: of a manifest that changes between the two, nothing can be written over. */
async function jobAt(store: StoredObjects, job: string): Promise<StoredJob> {
  const key = indexManifestKey(job);
  const found = await store.head(key);
  const contents = found && (await store.get(key, INDEX_MANIFEST_MAX_BYTES));
  return contents ? { job, etag: found.etag, manifest: readIndexManifest(contents, key) } : { job };
}

/** The records of a listed shard. Throws IndexBroken where it is not there, or is another. */
export async function recordsOfShard(
  store: Pick<StoredObjects, 'get'>,
  job: string,
  shard: Shard,
): Promise<TrialRecord[]> {
  const body = await store.get(shardKey(job, shard.name), SHARD_MAX_BYTES);
  if (!body) throw new IndexBroken(`${shardKey(job, shard.name)} is not there`);
  return readShard(body, shard);
}

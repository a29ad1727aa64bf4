import { keyOf, type ArtifactStore } from '../../../../providers/artifact-store/port.ts';
import { METADATA_MAX_BYTES, readMetadata, type TaskMetadata } from '../../../../tasks/index.ts';
import { TASK_FILES } from '../../../../tasks/bucket.ts';
import { noneIfTooLarge } from '../../../../providers/errors.ts';
import { trialLock, type StoredConfig, type TrialLock } from '../../../../results/lock.ts';

type Digest = Pick<TaskMetadata, 'name' | 'digest'>;

/**
 * Locks for Trials of tasks in the store; each task's metadata is read once. A task that lies elsewhere, or whose metadata is not what this
 * version of `sb` stores, has no digest, and its Trials no lock.
 */
export function locksFrom(store: ArtifactStore): (config: StoredConfig) => Promise<TrialLock | undefined> {
  const known = new Map<string, Promise<Digest | undefined>>();
  const read = async (prefix: string): Promise<Digest | undefined> => {
    const contents = await store
      .get(`${prefix}${TASK_FILES.metadata}`, METADATA_MAX_BYTES)
      .catch(noneIfTooLarge);
    const found = contents && readMetadata(contents);
    return found?.kind === 'read' ? found.metadata : undefined;
  };
  return async (config) => {
    const prefix = keyOf(config.task.path, store.bucket);
    if (prefix === undefined) return undefined;
    const asked = known.get(prefix) ?? read(prefix);
    known.set(prefix, asked);
    const digest = await asked.catch((error: unknown) => {
      known.delete(prefix);
      throw error;
    });
    return digest && trialLock(config, digest);
  };
}

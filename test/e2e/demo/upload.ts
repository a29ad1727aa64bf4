import type { ArtifactStore } from '../../../src/providers/artifact-store/port.ts';
import { taskKeys, taskMetadata } from '../../../src/tasks/index.ts';
import type { PackedTask } from './plan.ts';
import { DATASET } from './plan.ts';

const ZIP = { contentType: 'application/zip' };

/** Stores a task under its version; resolves false where that version is there already. */
export async function uploadTask(
  store: ArtifactStore,
  { task, archive, context }: PackedTask,
): Promise<boolean> {
  const keys = taskKeys(DATASET, task);
  if (await store.head(keys.metadata)) return false;
  await Promise.all([
    store.put(keys.task, archive, ZIP),
    ...(context ? [store.put(keys.context, context, ZIP)] : []),
  ]);
  // Last, so that its presence means: complete.
  const metadata = `${JSON.stringify(taskMetadata(task), null, 2)}\n`;
  await store.put(keys.metadata, metadata, { contentType: 'application/json' });
  return true;
}

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArtifactStore, ObjectInfo } from '../../../src/providers/artifact-store/port.ts';

export interface Mirrored {
  files: number;
  /** Keys of files that were left in the bucket for their size. */
  left: string[];
}

const MAX_BYTES = 256 * 2 ** 20;
const PARALLEL = 8;

/** Copies all objects under `prefix` into `folder`. */
export async function mirror(store: ArtifactStore, prefix: string, folder: string): Promise<Mirrored> {
  const objects = await Array.fromAsync(store.list(prefix));
  const left = objects.filter(({ size }) => size > MAX_BYTES).map(({ key }) => key);
  const wanted = objects.filter(({ size }) => size <= MAX_BYTES);
  const queue = wanted.values();
  const copy = async (): Promise<void> => {
    for (const object of queue)
      await copyObject(store, object, join(folder, object.key.slice(prefix.length)));
  };
  await Promise.all(Array.from({ length: PARALLEL }, copy));
  return { files: wanted.length, left };
}

async function copyObject(store: ArtifactStore, { key }: ObjectInfo, path: string): Promise<void> {
  const contents = await store.get(key, MAX_BYTES);
  if (!contents) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, contents);
}

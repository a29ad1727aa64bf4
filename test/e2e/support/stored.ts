/** What a Trial has left in the bucket. */
import { createHash } from 'node:crypto';
import type { Manifest } from '../../../src/wire/uploads.ts';
import { trialPrefix } from '../../../src/results/keys.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { world } from './world.ts';

const MAX_BYTES = 512 * 1024 * 1024;
/** Of a Trial with more files, so many are read and hashed; the sizes of all are compared. */
const HASHED_FILES = 200;

/** Keys under the Trial's prefix, with their sizes. */
export async function storedKeys(trial: Trial): Promise<Map<string, number>> {
  const prefix = trialPrefix(trial);
  const keys = new Map<string, number>();
  for await (const { key, size } of world().artifacts.list(prefix)) keys.set(key.slice(prefix.length), size);
  return keys;
}

async function stored(trial: Trial, path: string): Promise<Uint8Array> {
  const found = await world().artifacts.get(`${trialPrefix(trial)}${path}`, MAX_BYTES);
  if (!found) throw new Error(`the bucket has no ${trialPrefix(trial)}${path}`);
  return found;
}

/** A file of the Trial as text. */
export const storedText = async (trial: Trial, path: string): Promise<string> =>
  new TextDecoder().decode(await stored(trial, path));

/** A file of the Trial as JSON. */
export const storedJson = async <T = Record<string, unknown>>(trial: Trial, path: string): Promise<T> =>
  JSON.parse(await storedText(trial, path)) as T;

/** The manifest, after everything in it was compared with the objects: presence, size, SHA-256. */
export async function checkedManifest(trial: Trial): Promise<Manifest> {
  const manifest = await storedJson<Manifest>(trial, 'manifest.json');
  const keys = await storedKeys(trial);
  for (const { path, size } of manifest.files)
    if (keys.get(path) !== size)
      throw new Error(`${path}: ${size} bytes in the manifest, ${keys.get(path)} in the bucket`);
  const own = new Set(['manifest.json', 'outcome.json', 'config.json', 'result.json']);
  const listed = new Set(manifest.files.map(({ path }) => path));
  const strangers = [...keys.keys()].filter((key) => !own.has(key) && !listed.has(key));
  if (strangers.length > 0) throw new Error(`not in the manifest: ${strangers.slice(0, 5).join(', ')}`);
  await Promise.all(manifest.files.slice(0, HASHED_FILES).map((file) => checkHash(trial, file)));
  return manifest;
}

async function checkHash(trial: Trial, { path, sha256 }: { path: string; sha256: string }): Promise<void> {
  const hash = createHash('sha256')
    .update(await stored(trial, path))
    .digest('hex');
  if (hash !== sha256) throw new Error(`${path}: SHA-256 ${sha256} in the manifest, ${hash} in the bucket`);
}

/** What there is to copy of a Trial. */
import { MANIFEST_MAX_BYTES } from '../../../../wire/uploads.ts';
import type { Manifest } from '../../../../wire/uploads.ts';
import type { ArtifactStore, ObjectInfo } from '../../../../providers/artifact-store/port.ts';
import { ProviderError } from '../../../../providers/errors.ts';
import { TRIAL_FILES } from '../../../../results/keys.ts';
import { Mismatch } from './mismatch.ts';
import { isSafePath } from './paths.ts';

/** A file of a Trial in the store. */
export interface StoredFile {
  key: string;
  /** Within the Trial's folder, with `/`. */
  path: string;
  /** Bytes. */
  size: number;
  /** By the manifest; undefined for what the manifest does not know: itself, and what the operator wrote. */
  sha256?: string;
}

export interface CopyPlan {
  files: StoredFile[];
  /** Paths that the manifest promises and the store does not have, or has in another size. */
  broken: string[];
  /** Keys whose names cannot be names of files below a folder. */
  unsafe: string[];
}

const MANIFEST = TRIAL_FILES.manifest;

/** All objects below a Trial's prefix, with the checksums of its manifest. Without a manifest (no Pod came so far) there are none. */
export async function planCopy(store: ArtifactStore, prefix: string): Promise<CopyPlan> {
  const objects = await Array.fromAsync(store.list(prefix));
  const paths = new Map(objects.map((object) => [object.key.slice(prefix.length), object]));
  const manifest = paths.has(MANIFEST) ? await readManifest(store, `${prefix}${MANIFEST}`) : undefined;
  const promised = new Map((manifest?.files ?? []).map((file) => [file.path, file]));
  const isBroken = ({ path, size }: { path: string; size: number }): boolean =>
    paths.get(path)?.size !== size;
  const broken = new Set([...promised.values()].filter(isBroken).map(({ path }) => path));
  const sound = [...paths].filter(([path]) => isSafePath(path) && !broken.has(path));
  return {
    files: sound.map(([path, object]) => asFile(path, object, promised)),
    broken: [...broken],
    unsafe: [...paths.keys()].filter((path) => !isSafePath(path)),
  };
}

function asFile(
  path: string,
  { key, size }: ObjectInfo,
  promised: ReadonlyMap<string, { sha256: string }>,
): StoredFile {
  const sha256 = promised.get(path)?.sha256;
  return { key, path, size, ...(sha256 !== undefined && { sha256 }) };
}

type Files = Pick<Manifest, 'files'>;

/** Whoever could write in the Trial's namespace could write this. */
async function readManifest(store: ArtifactStore, key: string): Promise<Files | undefined> {
  const contents = await store.get(key, MANIFEST_MAX_BYTES).catch((error: unknown) => {
    const tooLarge = error instanceof ProviderError && error.reason === 'TooLarge';
    throw tooLarge
      ? new Mismatch(`${key} has more than ${MANIFEST_MAX_BYTES} bytes`, { cause: error })
      : error;
  });
  if (!contents) return undefined;
  const manifest = parsed(Buffer.from(contents).toString('utf8'));
  if (isManifest(manifest)) return manifest;
  throw new Mismatch(`${key} is no manifest`);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isManifest(value: unknown): value is Files {
  const { files } = (value ?? {}) as { files?: unknown };
  return Array.isArray(files) && files.every(isFile);
}

function isFile(value: unknown): boolean {
  const { path, size, sha256 } = (value ?? {}) as Partial<Record<string, unknown>>;
  return typeof path === 'string' && typeof size === 'number' && typeof sha256 === 'string';
}

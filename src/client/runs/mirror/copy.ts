/** What there is to copy of a Trial, and one object of the store → one file on disk, checked. */
import { parsedJson } from '../../../text/json.ts';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open as openFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MANIFEST_MAX_BYTES, type Manifest } from '../../../wire/uploads.ts';
import type { ArtifactStore, ObjectInfo } from '../../../providers/artifact-store/port.ts';
import { ProviderError } from '../../../providers/errors.ts';
import { TRIAL_FILES } from '../../../results/keys.ts';
import { writeTextWhole, writeWhole } from './files.ts';

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
  const manifest = parsedJson(Buffer.from(contents).toString('utf8'));
  if (isManifest(manifest)) return manifest;
  throw new Mismatch(`${key} is no manifest`);
}

function isManifest(value: unknown): value is Files {
  const { files } = (value ?? {}) as { files?: unknown };
  return Array.isArray(files) && files.every(isFile);
}

function isFile(value: unknown): boolean {
  const { path, size, sha256 } = (value ?? {}) as Partial<Record<string, unknown>>;
  return typeof path === 'string' && typeof size === 'number' && typeof sha256 === 'string';
}

/** Keys come from containers by way of the courier: nothing may lead out of the Trial's folder, nor mean something else to a shell. */
const isSafePath = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !path.includes('\0');

interface CopyPlace {
  store: ArtifactStore;
  /** The run's folder. */
  root: string;
  /** The Trial's. */
  folder: string;
  signal: AbortSignal;
}

/** Up to here an object is held in memory whole; larger ones flow to the disk. Several are copied at once. */
const IN_MEMORY_BYTES = 2 * 2 ** 20;
const LINK_SECONDS = 900;

const hashOf = (contents: Uint8Array): string => createHash('sha256').update(contents).digest('hex');

/** Copies the file unless it is there with the right checksum; resolves the bytes that came over the network. */
export async function copyFile(file: StoredFile, place: CopyPlace): Promise<number> {
  const target = join(place.folder, ...file.path.split('/'));
  if (await isThere(file, target)) return 0;
  if (file.size <= IN_MEMORY_BYTES) return copySmall(file, target, place);
  await writeWhole(place.root, target, (path) => download(file, path, place));
  return file.size;
}

async function copySmall(file: StoredFile, target: string, { store, root }: CopyPlace): Promise<number> {
  const contents = await store.get(file.key, file.size);
  if (!contents) throw new Mismatch(`${file.path} is gone from the store`);
  check(file, { size: contents.length, sha256: hashOf(contents) });
  if (!(await readFile(target).catch(() => undefined))?.equals(contents))
    await writeTextWhole(root, target, contents);
  return contents.length;
}

/** Only a checksum tells; what has none is copied again. */
async function isThere({ size, sha256 }: StoredFile, target: string): Promise<boolean> {
  if (sha256 === undefined) return false;
  const found = await stat(target).catch(() => undefined);
  if (!found?.isFile() || found.size !== size) return false;
  const hash = createHash('sha256');
  await pipeline(createReadStream(target), hash);
  return hash.digest('hex') === sha256;
}

function check(file: StoredFile, found: { size: number; sha256: string }): void {
  if (found.size !== file.size)
    throw new Mismatch(`${file.path} has ${found.size} bytes, and should have ${file.size}`);
  if (file.sha256 !== undefined && file.sha256 !== found.sha256)
    throw new Mismatch(`${file.path} has SHA-256 ${found.sha256}, and should have ${file.sha256}`);
}

async function download(file: StoredFile, path: string, { store, signal }: CopyPlace): Promise<void> {
  const { url, headers } = await store.presignGet(file.key, LINK_SECONDS);
  await using copy = await openFile(path, 'w');
  const body = await open(url, headers, signal);
  const hash = createHash('sha256');
  let size = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(size > file.size ? new Mismatch(`${file.path} is longer than ${file.size} bytes`) : null, chunk);
    },
  });
  try {
    await pipeline(body, count, (chunks: AsyncIterable<Buffer>) => copy.writeFile(chunks), { signal });
  } catch (error) {
    throw asStoreError(error, file.key);
  }
  check(file, { size, sha256: hash.digest('hex') });
}

async function open(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Readable> {
  const answer = await fetch(url, { headers, signal }).catch((error: unknown) => {
    throw asStoreError(error, new URL(url).pathname);
  });
  if (answer.ok && answer.body) return Readable.fromWeb(answer.body);
  await answer.body?.cancel();
  const reason = answer.status === 403 ? 'AccessDenied' : answer.status === 404 ? 'NotFound' : 'Unavailable';
  throw new ProviderError(reason, `get ${new URL(url).pathname}: HTTP ${answer.status}`);
}

/** A connection that broke; what the disk or we ourselves say stays as it is. */
function asStoreError(error: unknown, key: string): unknown {
  const { syscall, code = '' } = error as NodeJS.ErrnoException;
  const ofDisk = syscall !== undefined && !['read', 'connect'].includes(syscall) && !code.startsWith('ECONN');
  if (error instanceof Mismatch || ofDisk || (error as Error).name === 'AbortError') return error;
  return new ProviderError('Unavailable', `get ${key}: ${(error as Error).message}`, { cause: error });
}

/** What was stored is not what the manifest says. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch';
}

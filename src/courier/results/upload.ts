/** Files → storage, in parallel, under grants of the broker. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { GRANT_SECONDS, UPLOAD_BATCH } from '../../wire/uploads.ts';
import type { Skipped, StoredFile, UploadFile, UploadResponse } from '../../wire/uploads.ts';
import type { BrokerClient } from '../broker/broker-client.ts';
import { HttpFailure, send } from '../broker/http.ts';
import type { StorageAgents } from '../broker/http.ts';
import { expiredFewTimes, isTransient, patiently } from '../broker/retry.ts';
import type { Patience } from '../broker/retry.ts';
import type { Scrubber } from '../record/scrub.ts';
import type { FoundFile } from './walk.ts';
import { bodyOf, FileChanged, sha256Of } from './contents.ts';
import { inParallel } from '../../async/in-parallel.ts';

/** Grants are good for minutes, so that few bytes at a time are asked for. */
const BATCH_BYTES = 256 * 2 ** 20;
const GRANT_MS = (GRANT_SECONDS / 2) * 1000;
const HASHING = 4;
const SENDING = 16;

type Grant = UploadResponse['uploads'][number] & { until: number };

interface Item {
  file: StoredFile;
  body: () => Promise<Buffer | Readable>;
}

export interface UploadOptions {
  broker: Pick<BrokerClient, 'uploads'>;
  storage: StorageAgents;
  patience: Patience;
  /** Milliseconds since any moment. */
  clock?: () => number;
}

export interface FilesOptions extends UploadOptions {
  /** Stores something of our own, or throws. A store that takes it refuses a file for that file's sake. */
  storesOwn: () => Promise<unknown>;
  scrub: Pick<Scrubber, 'chunks'>;
}

export interface Uploaded {
  files: StoredFile[];
  skipped: Skipped[];
}

/**
 * Stores files. Those that change meanwhile are skipped, and those that the store refuses while it takes others: the container chose their
 * names. Throws when the broker or the storage fails for longer than patience allows.
 */
export async function uploadFiles(found: FoundFile[], options: FilesOptions): Promise<Uploaded> {
  const uploaded: Uploaded = { files: [], skipped: [] };
  for (const batch of batches(found)) {
    const hashed = await inParallel(batch, (file) => itemOf(file, options), { width: HASHING });
    const sent = await storeItems(
      hashed.filter((item) => item !== undefined),
      options,
    );
    const became = [...sent.values()];
    if (became.some(isRefusal) && !became.includes('Stored')) await options.storesOwn();
    for (const { path } of batch) {
      const now = sent.get(path) ?? 'Changed';
      if (now !== 'Stored') uploaded.skipped.push({ path, reason: isRefusal(now) ? 'Refused' : now });
    }
    uploaded.files.push(
      ...hashed.flatMap((item) => (item && sent.get(item.file.path) === 'Stored' ? [item.file] : [])),
    );
  }
  return uploaded;
}

/** Stores a text under a path of the Trial. */
export async function uploadText(path: string, text: string, options: UploadOptions): Promise<UploadFile> {
  const bytes = Buffer.from(text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const file = { path, size: bytes.length, sha256 };
  const sent = await storeItems([{ file, body: async () => bytes }], options);
  const now = sent.get(path);
  if (now !== 'Stored') throw new Error(`the storage refused ${path}`, isRefusal(now) ? { cause: now } : {});
  return file;
}

/** Files in their order, so many at a time as one answer of the broker is good for. */
export function* batches<T extends { size: number }>(files: readonly T[]): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const file of files) {
    if (batch.length === UPLOAD_BATCH || (batch.length > 0 && bytes + file.size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(file);
    bytes += file.size;
  }
  if (batch.length > 0) yield batch;
}

async function itemOf(
  found: FoundFile,
  { clock = monotonic, scrub }: FilesOptions,
): Promise<Item | undefined> {
  try {
    const { sha256, scrubbed } = await sha256Of(found, scrub);
    const { path, size, executable } = found;
    const marks = {
      ...(executable && { executable: true as const }),
      ...(scrubbed && { scrubbed: true as const }),
    };
    // What had none when it was read is sent as it is: had it changed since, the store would not take it.
    const body = (): Promise<Buffer | Readable> => bodyOf(found, clock, scrubbed ? scrub : undefined);
    return { file: { path, size, sha256, ...marks }, body };
  } catch (error) {
    if (error instanceof FileChanged) return undefined;
    throw error;
  }
}

/** What became of a file; the answer of a storage that will not have it. */
type Sent = 'Stored' | 'Changed' | HttpFailure;

const isRefusal = (sent: Sent | undefined): sent is HttpFailure => sent instanceof HttpFailure;

/** What became of each, by its path. */
async function storeItems(items: Item[], options: UploadOptions): Promise<Map<string, Sent>> {
  if (items.length === 0) return new Map();
  const grants = await grantsFor(items, options);
  const storeOne = async (item: Item, index: number): Promise<[string, Sent]> => {
    const grant = grants[index];
    if (!grant) throw new Error(`the broker granted ${grants.length} of ${items.length} uploads`);
    return [item.file.path, await store(item, grant, options)];
  };
  return new Map(await inParallel(items, storeOne, { width: SENDING }));
}

async function grantsFor(items: Item[], { broker, clock = monotonic }: UploadOptions): Promise<Grant[]> {
  const until = clock() + GRANT_MS;
  const { length } = items;
  const granted = await broker.uploads(
    items.map(({ file: { path, size, sha256 } }) => ({ path, size, sha256 })),
  );
  if (granted.length !== length) throw new Error(`the broker granted ${granted.length} of ${length} uploads`);
  return granted.map((grant) => ({ ...grant, until }));
}

/** The grant that is there, or another where it is too old. */
async function freshOf(grants: Grant[], item: Item, options: UploadOptions): Promise<Grant> {
  const { clock = monotonic } = options;
  for (;;) {
    const grant = grants.pop() ?? (await grantsFor([item], options))[0];
    if (!grant) throw new Error('the broker granted nothing');
    if (clock() < grant.until) return grant;
  }
}

const monotonic = (): number => performance.now();

async function store(item: Item, first: Grant, options: UploadOptions): Promise<Sent> {
  const { storage, patience } = options;
  const grants = [first];
  const mayBeExpired = expiredFewTimes();
  const attempt = async (): Promise<Sent> => {
    const body = await item.body().catch(whereChanged);
    if (body === undefined) return 'Changed';
    // Nothing is waited for between this look at the grant and the request: the courier may be frozen at any moment.
    const grant = await freshOf(grants, item, options).catch(closing(body));
    try {
      await put(item, body, { ...grant, storage });
      return 'Stored';
    } catch (error) {
      if (error instanceof FileChanged) return 'Changed';
      if (!(error instanceof HttpFailure) || isTransient(error)) throw error;
      if (mayBeExpired(error) || PASSES.test(error.message)) throw new Error('not taken', { cause: error });
      return isMismatch(error) ? 'Changed' : error;
    }
  };
  return await patiently(`upload of ${item.file.path}`, attempt, patience);
}

const whereChanged = (error: unknown): undefined => {
  if (!(error instanceof FileChanged)) throw error;
};

const closing =
  (body: Buffer | Readable) =>
  (error: unknown): never => {
    if (body instanceof Readable) body.destroy();
    throw error;
  };

async function put(
  { file }: Item,
  body: Buffer | Readable,
  to: Grant & { storage: StorageAgents },
): Promise<void> {
  const { url, headers, storage: agents } = to;
  const length = { 'content-length': String(file.size) };
  await send(url, { method: 'PUT', agents, headers: { ...headers, ...length }, body });
}

/** Answers that another try may not get, by their code: S3 gives them with 400 and 409. */
const PASSES = /<Code>(RequestTimeout|ExpiredToken|OperationAborted|ConditionalRequestConflict)</;

/** The storage compares size and checksum. */
const isMismatch = ({ status, message }: HttpFailure): boolean =>
  status === 400 && /Digest|Checksum|SHA256|Incomplete/i.test(message);

/** Files → storage, in parallel, under grants of the broker. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { UPLOAD_BATCH } from '../../crds/courier-protocol.ts';
import type { Skipped, UploadFile, UploadResponse } from '../../crds/courier-protocol.ts';
import type { BrokerClient } from '../broker/broker-client.ts';
import { HttpFailure, send } from '../broker/http.ts';
import { expiredFewTimes, patiently } from '../broker/retry.ts';
import type { Patience } from '../broker/retry.ts';
import type { FoundFile } from './collect.ts';
import { bodyOf, FileChanged, sha256Of } from './contents.ts';
import { inParallel } from './parallel.ts';

/** Grants are good for minutes, so that few bytes at a time are asked for. */
const BATCH_BYTES = 256 * 2 ** 20;
const HASHING = 4;
const SENDING = 16;

type Grant = UploadResponse['uploads'][number];

interface Item {
  file: UploadFile;
  body: () => Promise<Buffer | Readable>;
}

export interface UploadOptions {
  broker: Pick<BrokerClient, 'uploads'>;
  patience: Patience;
}

export interface Uploaded {
  files: UploadFile[];
  skipped: Skipped[];
}

/** Stores files; those that change meanwhile are skipped. Throws when the broker or the storage fails for longer than patience allows. */
export async function uploadFiles(found: FoundFile[], options: UploadOptions): Promise<Uploaded> {
  const uploaded: Uploaded = { files: [], skipped: [] };
  for (const batch of batches(found)) {
    const hashed = await inParallel(batch, HASHING, itemOf);
    const items = hashed.filter((item) => item !== undefined);
    const stored = await storeItems(items, options);
    const paths = new Set(stored.map(({ path }) => path));
    uploaded.files.push(...stored);
    for (const { path } of batch) if (!paths.has(path)) uploaded.skipped.push({ path, reason: 'Changed' });
  }
  return uploaded;
}

/** Stores a text under a path of the Trial. */
export async function uploadText(path: string, text: string, options: UploadOptions): Promise<UploadFile> {
  const bytes = Buffer.from(text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const file = { path, size: bytes.length, sha256 };
  const stored = await storeItems([{ file, body: async () => bytes }], options);
  if (stored.length === 0) throw new Error(`the storage refused ${path}`);
  return file;
}

function* batches(found: FoundFile[]): Generator<FoundFile[]> {
  let batch: FoundFile[] = [];
  let bytes = 0;
  for (const file of found) {
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

async function itemOf(found: FoundFile): Promise<Item | undefined> {
  try {
    const sha256 = await sha256Of(found);
    return { file: { path: found.path, size: found.size, sha256 }, body: () => bodyOf(found) };
  } catch (error) {
    if (error instanceof FileChanged) return undefined;
    throw error;
  }
}

/** Resolves those that were stored: the rest had other contents than they were announced with. */
async function storeItems(items: Item[], options: UploadOptions): Promise<UploadFile[]> {
  if (items.length === 0) return [];
  const grants = await options.broker.uploads(items.map(({ file }) => file));
  const stored = await inParallel(items, SENDING, async (item, index) => {
    const grant = grants[index];
    if (!grant) throw new Error(`the broker granted ${grants.length} of ${items.length} uploads`);
    return (await store(item, grant, options)) ? item.file : undefined;
  });
  return stored.filter((file) => file !== undefined);
}

/** False when the contents are no longer what was announced. */
async function store(item: Item, first: Grant, { broker, patience }: UploadOptions): Promise<boolean> {
  const grants = [first];
  const attempt = async (): Promise<boolean> => {
    const grant = grants.pop() ?? (await broker.uploads([item.file]))[0];
    if (!grant) throw new Error('the broker granted nothing');
    try {
      await put(item, grant);
      return true;
    } catch (error) {
      if (isChanged(error)) return false;
      throw error;
    }
  };
  return await patiently(`upload of ${item.file.path}`, attempt, { ...patience, mayPass: expiredFewTimes() });
}

async function put({ file, body }: Item, { url, headers }: Grant): Promise<void> {
  await send(url, {
    method: 'PUT',
    headers: { ...headers, 'content-length': String(file.size) },
    body: await body(),
  });
}

/** The storage compares size and checksum, and answers 400. */
const isChanged = (error: unknown): boolean =>
  error instanceof FileChanged || (error instanceof HttpFailure && error.status === 400);

/** Log files out of the store, whatever their size. */
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import { rawLines } from './lines.ts';

/** Up to here a file is read in one piece. */
const WHOLE_BYTES = 2 * 2 ** 20;
/** What is fetched of a larger one where only its end is wanted. */
const END_BYTES = 256 * 1024;
const LINK_SECONDS = 900;

export interface StoredLogOptions {
  signal: AbortSignal;
  /** Only the end is wanted: of a large file no more than that is fetched, and its first line is not whole. */
  endOnly?: boolean;
}

/** Lines of an object; undefined where there is none. */
export async function storedLines(
  store: ArtifactStore,
  key: string,
  options: StoredLogOptions,
): Promise<AsyncIterable<string> | undefined> {
  const info = await store.head(key);
  if (!info) return undefined;
  if (info.size > WHOLE_BYTES) return rawLines(await download(store, key, { ...options, size: info.size }));
  const contents = await store.get(key, WHOLE_BYTES);
  return contents && rawLines(of(contents));
}

async function* of(contents: Uint8Array): AsyncGenerator<Uint8Array> {
  yield contents;
}

async function download(
  store: ArtifactStore,
  key: string,
  { signal, endOnly, size }: StoredLogOptions & { size: number },
): Promise<AsyncIterable<Uint8Array>> {
  const { url, headers } = await store.presignGet(key, LINK_SECONDS);
  const range = endOnly ? { range: `bytes=${size - END_BYTES}-` } : {};
  const answer = await fetch(url, { headers: { ...headers, ...range }, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new ProviderError('Unavailable', `get ${key}: ${(error as Error).message}`, { cause: error });
  });
  if (answer.ok && answer.body) return answer.body;
  await answer.body?.cancel();
  const reason = answer.status === 403 ? 'AccessDenied' : 'Unavailable';
  throw new ProviderError(reason, `get ${key}: HTTP ${answer.status}`);
}

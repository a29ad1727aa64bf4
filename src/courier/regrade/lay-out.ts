/** Lays out again what an agent left: files of the storage, each checked against its Trial's manifest. */
import { chmod, mkdir, readdir, readFile, rm, symlink, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inParallel } from '../../async/in-parallel.ts';
import { TRIAL_FILES } from '../../results/keys.ts';
import { MANIFEST_MAX_BYTES } from '../../wire/uploads.ts';
import type { BrokerClient } from '../broker/broker-client.ts';
import { download, HttpFailure, TooLong, type StorageAgents } from '../broker/http.ts';
import { expiredFewTimes, patiently, type Patience } from '../broker/retry.ts';
import { batches } from '../results/upload.ts';
import { unusable, type Layout } from './layout.ts';

export interface FetchDeps {
  broker: Pick<BrokerClient, 'source'>;
  storage: StorageAgents;
  patience: Patience;
  /** Folder of the courier's own. */
  scratch: string;
}

/** A file of the source, and what it has to be. */
interface Wanted {
  stored: string;
  /** Bytes at most. */
  size: number;
  sha256: string;
  /** The file that says so; default: the manifest. */
  said?: string;
}

const FETCHING = 16;

/** Downloads a file to `target`. Throws SourceUnusable where it is gone or another. */
async function fetchFile(
  wanted: Wanted,
  target: string,
  { url, deps }: { url: string; deps: FetchDeps },
): Promise<void> {
  const { stored, size, sha256, said = TRIAL_FILES.manifest } = wanted;
  let next: string | undefined = url;
  const attempt = async (): Promise<string> => {
    const [fresh = ''] = next === undefined ? await deps.broker.source([stored]) : [next];
    next = undefined;
    const options = { agents: deps.storage, maxBytes: size };
    return await download(fresh, target, options).catch(theSourcesOwn);
  };
  const patience = { ...deps.patience, mayPass: expiredFewTimes() };
  const found = await patiently(`download of ${stored}`, attempt, patience);
  if (found === sha256) return;
  throw unusable(`${stored} is not what ${said} says: ${FOUND[found] ?? `its SHA-256 is ${found}`}`);
}

const FOUND: Record<string, string> = { longer: 'it is longer', gone: 'it is gone' };

/** What another try would not change. */
function theSourcesOwn(error: unknown): string {
  if (error instanceof TooLong) return 'longer';
  if (error instanceof HttpFailure && error.status === 404) return 'gone';
  throw error;
}

/** The text of the source's `manifest.json`, whose SHA-256 its result says. */
export const fetchManifest = (sha256: string, deps: FetchDeps): Promise<string> =>
  fetchText(
    { stored: TRIAL_FILES.manifest, size: MANIFEST_MAX_BYTES, sha256, said: TRIAL_FILES.result },
    deps,
  );

/** The text of a file of the source. */
export async function fetchText(wanted: Wanted, deps: FetchDeps): Promise<string> {
  const target = join(deps.scratch, 'source-file');
  const [url = ''] = await deps.broker.source([wanted.stored]);
  await fetchFile(wanted, target, { url, deps });
  const text = await readFile(target, 'utf8');
  await unlink(target);
  return text;
}

/** Makes `logs` what it was: nothing of an earlier step stays. Throws SourceUnusable for what cannot have lain side by side. */
export async function layOut(
  { files, links, folders }: Layout,
  logs: string,
  deps: FetchDeps,
): Promise<void> {
  for (const name of await readdir(logs)) await rm(join(logs, name), { recursive: true, force: true });
  try {
    demandApart([...files, ...links].map(({ path }) => path));
    for (const path of folders) await mkdir(join(logs, path), { recursive: true });
    for (const batch of batches(files)) await fetchBatch(batch, logs, deps);
    // Last, so that nothing is written where one of them leads.
    for (const { path, target } of links) {
      await mkdir(dirname(join(logs, path)), { recursive: true });
      await symlink(target, join(logs, path));
    }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw ['EEXIST', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG'].includes(code)
      ? unusable('manifest.json lists what cannot lie in one folder', error)
      : error;
  }
}

/** No path twice, and none below a link or file. */
function demandApart(paths: readonly string[]): void {
  const all = new Set(paths);
  if (all.size < paths.length) throw unusable('manifest.json lists a path twice');
  for (const path of paths)
    for (let above = dirname(path); above !== '.'; above = dirname(above))
      if (all.has(above))
        throw unusable(`manifest.json lists ${JSON.stringify(above)} and something below it`);
}

async function fetchBatch(batch: Layout['files'], logs: string, deps: FetchDeps): Promise<void> {
  const urls = await deps.broker.source(batch.map(({ stored }) => stored));
  const fetchOne = async (file: Layout['files'][number], index: number): Promise<void> => {
    const url = urls[index];
    if (url === undefined) throw new Error(`the broker gave ${urls.length} of ${batch.length} URLs`);
    const target = join(logs, file.path);
    await mkdir(dirname(target), { recursive: true });
    await fetchFile(file, target, { url, deps });
    await chmod(target, file.executable ? 0o755 : 0o644);
  };
  await inParallel(batch, fetchOne, { width: FETCHING });
}

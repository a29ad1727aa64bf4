/** A task's definition → the bucket, once for each version. */
import { createHash } from 'node:crypto';
import type { ArtifactStore } from '../../../providers/artifact-store/port.ts';
import { ProviderError } from '../../../providers/errors.ts';
import {
  ArchiveError,
  contextArchives,
  layoutHash,
  METADATA_MAX_BYTES,
  packContext,
  packTask,
  readMetadata,
  taskId,
  taskKeys,
  taskMetadata,
  type Task,
  type TaskMetadata,
} from '../../../tasks/index.ts';
import { layoutOfArchive } from '../../../tasks/archive/layout.ts';
import { layoutOf } from '../../../tasks/metadata.ts';
import { CliError } from '../../failures/error.ts';
import { createBudget, type Budget } from '../../../async/in-parallel.ts';
import { bytesOf, type SelectedTask } from '../select/read.ts';

interface UploadOptions {
  store: ArtifactStore;
  /** Below `tasks/`. */
  folder: string;
  /** Bytes that all uploads together may have in memory. */
  memory: Budget;
  /** Archives that may be made at once: each takes a megabyte of tables while it is made, however small it is, and one processor. */
  packing: Budget;
}

interface Upload {
  result: 'stored' | 'present';
  /** What was sent. */
  bytes: number;
}

/** Bytes of tasks that may be in memory at once. */
const MEMORY = 64 * 2 ** 20;
/** Archives made at once. */
const PACKING = 2;

const ZIP = { contentType: 'application/zip', ifAbsent: true };
/** A task's zip is at most a little larger than its files. */
const MAX_STORED = 2 ** 31;
/** Of older versions of sb it had a line for each file. */
const MAX_METADATA = 256 * 2 ** 20;

/** Tasks that are packed and stored at once. */
export const UPLOADS = 16;

/** Stores tasks, many at a time, within bounds that all of them share. Throws CliError SB-E039 where the store has other bytes. */
export function uploading(store: ArtifactStore, folder: string): (task: SelectedTask) => Promise<Upload> {
  const options = { store, folder, memory: createBudget(MEMORY), packing: createBudget(PACKING) };
  return (task) => uploadTask(task, options);
}

/**
 * Stores `task.zip`, `context.zip` and, last, `metadata.json`, whose presence means: complete. No archive is ever written over, so two that
 * store the same version at once, or one that was killed before, cannot harm each other; a `metadata.json` that no operator of this version
 * reads is written anew. Throws CliError SB-E039 where the store has other bytes.
 */
async function uploadTask(selected: SelectedTask, options: UploadOptions): Promise<Upload> {
  const { folder, memory, store } = options;
  const { task } = selected;
  const keys = taskKeys(folder, task);
  const there = await look(selected, options);
  if (there === 'complete') return { result: 'present', bytes: 0 };
  const metadata = metadataText(selected);
  const bytes = await memory(2 * bytesOf(task), async () => {
    const archive = await putOnce(task, { ...options, key: keys.task, pack: packTask });
    let sent = archive;
    for (const { name, folder: part } of contextArchives(selected))
      sent += await putOnce(task, {
        ...options,
        key: keys.prefix + name,
        pack: (of) => packContext(of, part),
      });
    return sent;
  });
  const type = { contentType: 'application/json', ifAbsent: there === 'nothing' };
  if (await putIfAbsent(store, keys.metadata, { body: metadata, type }))
    return { result: 'stored', bytes: bytes + metadata.length };
  await look(selected, options);
  return { result: 'present', bytes };
}

/** What is there of the version; `outdated`: with metadata of another version of sb. */
async function look(
  selected: SelectedTask,
  { store, folder }: UploadOptions,
): Promise<'nothing' | 'outdated' | 'complete'> {
  const keys = taskKeys(folder, selected.task);
  const contents = await store.get(keys.metadata, MAX_METADATA);
  const metadata = stored(contents);
  if (!metadata) return contents ? 'outdated' : 'nothing';
  // Of an sb that stored no contexts of tests, or no compose file.
  if (selected.testContexts && !metadata.test_contexts) return 'outdated';
  if (selected.task.compose && !metadata.compose) return 'outdated';
  await checkStored(selected, metadata, {
    uri: store.uri(keys.prefix),
    archive: () => store.get(keys.task, MAX_STORED),
  });
  return 'complete';
}

interface Archive extends UploadOptions {
  key: string;
  pack: (task: Task) => Promise<Uint8Array>;
}

/** Bytes sent; 0 where the same archive lies there already, of an upload that ended halfway or of one that goes on beside this. */
async function putOnce(task: Task, { store, packing, key, pack }: Archive): Promise<number> {
  const archive = await packing(1, () => pack(task)).catch((error: Error) => {
    throw cannotPack(task, error);
  });
  if (await putIfAbsent(store, key, { body: archive, type: ZIP })) return archive.length;
  const there = await store.get(key, MAX_STORED);
  if (there && digest(there) !== digest(archive)) throw differs(task, store.uri(key), 'with other bytes');
  return 0;
}

const cannotPack = (task: Task, cause: Error): CliError =>
  new CliError('SB-E014', {
    what: `cannot pack ${task.name}`,
    why: cause.message,
    fix: 'do not change the folder until the run is submitted, then run the same command again',
    cause,
  });

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function putIfAbsent(
  store: ArtifactStore,
  key: string,
  { body, type }: { body: Uint8Array | string; type: { contentType: string; ifAbsent: boolean } },
): Promise<boolean> {
  try {
    await store.put(key, body, type);
    return true;
  } catch (error) {
    if (error instanceof ProviderError && error.reason === 'PreconditionFailed') return false;
    throw error;
  }
}

/** `metadata.json` of a task. Throws CliError SB-E014 for a task.toml that says more than anybody reads. */
export function metadataText({ task, ...hashes }: SelectedTask): string {
  const text = `${JSON.stringify(taskMetadata(task, hashes), null, 2)}\n`;
  const bytes = Buffer.byteLength(text);
  const read = readMetadata(Buffer.from(text));
  if (bytes <= METADATA_MAX_BYTES && read.kind === 'read') return text;
  const why =
    read.kind === 'faulty'
      ? `its metadata.json ${read.message}`
      : `its metadata.json would have ${bytes} bytes; expected at most ${METADATA_MAX_BYTES}`;
  throw new CliError('SB-E014', {
    what: `cannot store ${task.name}`,
    why,
    fix: 'leave out of task.toml what nobody needs, such as long texts under [metadata]',
  });
}

/** What is stored, where it is of this version of sb; undefined for what has to be stored again. */
function stored(contents: Uint8Array | undefined): TaskMetadata | undefined {
  const read = contents && readMetadata(contents);
  return read?.kind === 'read' ? read.metadata : undefined;
}

/**
 * Throws CliError SB-E039 where the stored task differs. A version is made of paths and contents alone, so permissions, links and empty folders may; and
 * another version of `sb` may have packed other bytes, which the build would refuse. `archive` resolves the stored `task.zip`.
 */
async function checkStored(
  { task, contextSha256, testContexts = {} }: SelectedTask,
  metadata: TaskMetadata,
  { uri, archive }: { uri: string; archive: () => Promise<Uint8Array | undefined> },
): Promise<void> {
  if (metadata.layout_sha256 !== layoutHash(task))
    throw differs(task, uri, await layoutDifference(task, await archive()));
  const { context_sha256: context } = metadata;
  if (context !== undefined && contextSha256 !== undefined && context !== contextSha256)
    throw differs(task, uri, 'its context.zip was packed by another version of sb');
  const other = Object.entries(testContexts).find(
    ([folder, hash]) => metadata.test_contexts?.[folder] !== hash,
  );
  if (other) throw differs(task, uri, `the context of ${other[0]} was packed by another version of sb`);
}

/** The first file that is there with other permissions, in words. */
async function layoutDifference(task: Task, archive: Uint8Array | undefined): Promise<string> {
  const there = archive && (await layoutOfArchive(archive).catch(unreadable));
  const file = there && task.files.find((one) => there.get(one.path) !== layoutOf(one));
  if (!file) return 'its empty folders or their permissions are others';
  return `${file.path} is ${there.get(file.path) ?? 'missing'} there and ${layoutOf(file)} here`;
}

function unreadable(error: unknown): undefined {
  if (!(error instanceof ArchiveError)) throw error;
}

const differs = (task: Task, uri: string, why: string): CliError =>
  new CliError('SB-E039', {
    what: `cannot store ${taskId(task)}`,
    why: `${uri} has this version already, yet ${why}`,
    fix: `make both alike (chmod), or remove what is stored if no run needs it: aws s3 rm --recursive ${uri}`,
  });

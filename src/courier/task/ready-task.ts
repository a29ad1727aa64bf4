/** A task in the courier's private folder, checked. */
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { AssignedSource, Assignment } from '../../wire/assignment.ts';
import { ArchiveError } from '../../tasks/archive/directory.ts';
import { unpack } from '../../tasks/archive/unpack.ts';
import { stripCanary } from '../../tasks/folder/instruction.ts';
import { SETUP, SOLVE, stepFiles } from '../../tasks/step-files.ts';
import { present } from '../../crds/present.ts';
import { unpackedHash } from '../../tasks/folder/unpacked.ts';
import { taskVersion } from '../../tasks/hash.ts';
import { filesHash } from '../../crds/content.ts';
import type { BrokerClient } from '../broker/broker-client.ts';
import { HttpFailure } from '../broker/http.ts';
import type { StorageAgents } from '../broker/http.ts';
import type { Patience } from '../broker/retry.ts';
import { AttemptFailure, explain } from '../failure.ts';
import { copyConfigMap, withArchive } from './source.ts';

export interface ReadyTask {
  /** Folder with `task.toml` and so on. */
  folder: string;
  /** In their order. */
  steps: ReadyStep[];
}

/** Of one step; a task without `[[steps]]` is one. Paths are absolute. */
export interface ReadyStep {
  /** Text of its `instruction.md` without leading canary lines. */
  instruction?: string;
  /** Folder of the solution. */
  solution: string;
  /** Text of the `solve.sh` in it. */
  solve?: string;
  /** Folders that make up `/tests`, a later one's files over an earlier one's. */
  tests: string[];
  /** Text of the `test.sh` in them. */
  test?: string;
  /** Folder of what is put into the working directory. */
  workdir?: string;
  /** `setup.sh` is in it. */
  setup: boolean;
}

export interface FetchOptions {
  /** Mounted ConfigMap, for a task that comes from one. */
  mount: string;
  /** Empty or new; the task's files go there. */
  folder: string;
  /** Place for the archive while it is unpacked. */
  archive: string;
  broker: Pick<BrokerClient, 'assignment'>;
  storage: StorageAgents;
  patience: Patience;
}

/** Fetches the task. Throws AttemptFailure for one that is not there, is none, or is another than the one that was compiled (TaskMismatch). */
export async function fetchTask(
  { source, version }: Pick<Assignment['task'], 'source' | 'version'>,
  options: FetchOptions,
): Promise<void> {
  if (source.kind === 'configMap') await fetchConfigMap(source, options);
  else await fetchArchive(source, options);
  if (version !== undefined) await demandVersion(options.folder, version);
}

async function fetchConfigMap(
  { content }: AssignedSource & { kind: 'configMap' },
  { mount, folder }: FetchOptions,
): Promise<void> {
  const hashes = await copyConfigMap(mount, folder).catch((error: unknown) => {
    throw new AttemptFailure('TaskInvalid', `the ConfigMap is no task: ${explain(error)}`, { cause: error });
  });
  const found = filesHash(hashes).slice(0, content.length);
  if (found === content) return;
  throw new AttemptFailure(
    'TaskMismatch',
    `the task’s ConfigMap has changed since the Job was made: its files were ${content} and are ${found}`,
  );
}

async function fetchArchive(
  { url: first }: AssignedSource & { kind: 'archive' },
  { folder, archive, broker, storage, patience }: FetchOptions,
): Promise<void> {
  try {
    const url = urls(first, broker);
    await withArchive({ path: archive, url, storage, patience }, (path) =>
      unpack(path, folder, { context: 'environment/' }),
    );
  } catch (error) {
    if (error instanceof ArchiveError)
      throw new AttemptFailure('TaskInvalid', `task.zip: ${error.message}`, { cause: error });
    if (error instanceof HttpFailure && error.status === 404)
      throw new AttemptFailure('TaskNotFound', 'there is no task.zip beside its metadata.json', {
        cause: error,
      });
    throw error;
  }
}

/** First the URL of the assignment that is there, then those of fresh plans. */
function urls(first: string, broker: FetchOptions['broker']): () => Promise<string> {
  let next: string | undefined = first;
  return async () => {
    const url = next ?? (await freshUrl(broker));
    next = undefined;
    return url;
  };
}

async function freshUrl(broker: FetchOptions['broker']): Promise<string> {
  const { source } = (await broker.assignment()).task;
  if (source.kind !== 'archive') throw new Error('the task has become a ConfigMap');
  return source.url;
}

/** Reads what of a fetched task decides how the scripts of its steps are run; a name is missing where the task has no `[[steps]]`. */
export async function readReadyTask(folder: string, steps: readonly { name?: string }[]): Promise<ReadyTask> {
  const read = textReader(folder);
  const ready: ReadyStep[] = [];
  for (const { name } of steps) ready.push(await readStep(folder, name, read));
  return { folder, steps: ready };
}

async function readStep(folder: string, name: string | undefined, read: TextReader): Promise<ReadyStep> {
  const at = (path: string): string => join(folder, path);
  const has = (path: string): boolean => existsSync(at(path));
  const files = stepFiles(name, has);
  const { workdir = '' } = files;
  const instruction = await read(files.instruction);
  const solve = await read(`${files.solution}/${SOLVE}`);
  const test = await read(files.test);
  return {
    ...present({ instruction: instruction && stripCanary(instruction), solve, test }),
    solution: at(files.solution),
    tests: files.tests.filter(has).map(at),
    ...(workdir !== '' && has(workdir) && { workdir: at(workdir) }),
    setup: workdir !== '' && has(`${workdir}/${SETUP}`),
  };
}

async function demandVersion(folder: string, wanted: string): Promise<void> {
  const found = taskVersion(await unpackedHash(folder));
  if (found === wanted) return;
  throw new AttemptFailure(
    'TaskMismatch',
    `the Trial names version ${wanted} of the task, but its files are version ${found}`,
  );
}

/** The courier holds these in memory: each, and all of a task. */
const TEXT_MAX_BYTES = 4 * 2 ** 20;
const TEXTS_MAX_BYTES = 64 * 2 ** 20;

/** Reads a file of the task; undefined where there is none. */
type TextReader = (path: string) => Promise<string | undefined>;

function textReader(folder: string): TextReader {
  let bytes = 0;
  return async (path) => {
    if (!existsSync(join(folder, path))) return undefined;
    await using file = await open(join(folder, path));
    const { size } = await file.stat();
    bytes += size;
    if (size > TEXT_MAX_BYTES) throw tooLong(`${path} has ${size} bytes`, TEXT_MAX_BYTES);
    if (bytes > TEXTS_MAX_BYTES)
      throw tooLong(`instructions and scripts up to ${path} have ${bytes} bytes`, TEXTS_MAX_BYTES);
    return await file.readFile('utf8');
  };
}

const tooLong = (what: string, most: number): AttemptFailure =>
  new AttemptFailure('TaskInvalid', `${what}; expected at most ${most}`);

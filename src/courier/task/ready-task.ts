/** A task in the courier's private folder, checked. */
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Assignment } from '../../wire/assignment.ts';
import {
  ArchiveError,
  parseTaskToml,
  stripCanary,
  TaskFormatError,
  taskVersion,
  unpack,
  unpackedHash,
  unsupportedFields,
} from '../../tasks/index.ts';
import type { TaskConfig } from '../../tasks/index.ts';
import type { BrokerClient } from '../broker/broker-client.ts';
import { HttpFailure } from '../broker/http.ts';
import type { Patience } from '../broker/retry.ts';
import { AttemptFailure, explain } from '../failure.ts';
import { copyConfigMap, withArchive } from './source.ts';

export interface ReadyTask {
  /** Folder with `task.toml`, `tests/` and so on. */
  folder: string;
  config: TaskConfig;
  /** `instruction.md` without leading canary lines. */
  instruction?: string;
  /** Text of `solution/solve.sh`. */
  solve?: string;
  /** Text of `tests/test.sh`. */
  test?: string;
}

export interface FetchOptions {
  /** Mounted ConfigMap, for a task that comes from one. */
  mount: string;
  /** Empty or new; the task's files go there. */
  folder: string;
  /** Place for the archive while it is unpacked. */
  archive: string;
  broker: Pick<BrokerClient, 'assignment'>;
  patience: Patience;
}

/** Fetches the task. Throws AttemptFailure for one that is not there or is none. */
export async function fetchTask(source: Assignment['task']['source'], options: FetchOptions): Promise<void> {
  const { mount, folder, archive, patience } = options;
  if (source.kind === 'configMap') {
    await copyConfigMap(mount, folder).catch((error: unknown) => {
      throw new AttemptFailure('TaskInvalid', `the ConfigMap is no task: ${explain(error)}`, {
        cause: error,
      });
    });
    return;
  }
  try {
    const url = urls(source.url, options.broker);
    await withArchive({ path: archive, url, patience }, (path) =>
      unpack(path, folder, { context: 'environment/' }),
    );
  } catch (error) {
    if (error instanceof ArchiveError)
      throw new AttemptFailure('TaskInvalid', `task.zip: ${error.message}`, { cause: error });
    if (error instanceof HttpFailure && error.status === 404)
      throw new AttemptFailure('TaskNotFound', 'task.zip is not there any more', { cause: error });
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

/**
 * Reads and checks a fetched task. A ConfigMap may leave task.toml out: then all is Harbor's default. Throws TaskMismatch where the assignment names
 * a version and this is not it.
 */
export async function readReadyTask(
  folder: string,
  { source, version }: Pick<Assignment['task'], 'source' | 'version'>,
): Promise<ReadyTask> {
  if (version !== undefined) await demandVersion(folder, version);
  const text = (path: string): Promise<string | undefined> => readText(folder, path);
  const toml = await text('task.toml');
  if (toml === undefined && source.kind === 'archive')
    throw new AttemptFailure('TaskInvalid', 'task.toml is missing in task.zip');
  const config = checked(toml ?? '');
  refuseUnsupported(config, folder);
  const [instruction, solve, test] = await Promise.all(
    ['instruction.md', 'solution/solve.sh', 'tests/test.sh'].map(text),
  );
  return {
    folder,
    config,
    ...(instruction !== undefined && { instruction: stripCanary(instruction) }),
    ...(solve !== undefined && { solve }),
    ...(test !== undefined && { test }),
  };
}

async function demandVersion(folder: string, wanted: string): Promise<void> {
  const found = taskVersion(await unpackedHash(folder));
  if (found === wanted) return;
  throw new AttemptFailure(
    'TaskMismatch',
    `the Trial wants version ${wanted} of the task, and its files are version ${found}`,
  );
}

/** The courier holds these in memory. */
const TEXT_MAX_BYTES = 4 * 2 ** 20;

async function readText(folder: string, path: string): Promise<string | undefined> {
  if (!existsSync(join(folder, path))) return undefined;
  await using file = await open(join(folder, path));
  const { size } = await file.stat();
  if (size <= TEXT_MAX_BYTES) return await file.readFile('utf8');
  throw new AttemptFailure('TaskInvalid', `${path} has ${size} bytes; expected at most ${TEXT_MAX_BYTES}`);
}

function checked(toml: string): TaskConfig {
  try {
    return parseTaskToml(toml);
  } catch (error) {
    if (error instanceof TaskFormatError)
      throw new AttemptFailure('TaskInvalid', error.message, { cause: error });
    throw error;
  }
}

function refuseUnsupported(config: TaskConfig, folder: string): void {
  const parts = unsupportedFields(config).map(({ field, reason }) => `${field}: ${reason}`);
  if (existsSync(join(folder, 'environment/docker-compose.yaml')))
    parts.push('environment/docker-compose.yaml: Docker Compose is not supported yet');
  if (parts.length > 0) throw new AttemptFailure('TaskUnsupported', parts.join('; '));
}

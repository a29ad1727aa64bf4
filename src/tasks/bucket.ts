/** Where a task lies in the bucket. */
import { TASKS } from '../crds/namespace-rules.ts';
import type { CompilableTask, StoredContext } from './compile/types.ts';
import { taskHash, taskVersion } from './hash.ts';
import type { ContextHashes } from './metadata.ts';
import { CONTEXT } from './task.ts';
import type { Task } from './task.ts';

/** `tasks/<dataset>/<task_name>/<task_version>/`, with the closing slash. A name of the form org/name is two levels. */
export const taskPrefix = (dataset: string, name: string, version: string): string =>
  `${TASKS}${dataset}/${name}/${version}/`;

/** The files of an uploaded task, below its prefix. */
export const TASK_FILES = { task: 'task.zip', metadata: 'metadata.json', context: 'context.zip' } as const;

/** The build context of a separate verifier or a service, by the SHA-256 of its bytes in hex. */
const testContextFile = (sha256: string): string => `context-${sha256.slice(0, 12)}.zip`;

/** The build contexts of a stored task, by the hashes of what `packContext` makes; `uri` says where the object of a name lies. */
export function storedContexts(
  { contextSha256, testContexts }: ContextHashes,
  uri: (name: string) => string,
): Pick<CompilableTask, 'context' | 'testContexts'> {
  const stored = (name: string, sha256: string): StoredContext => ({ uri: uri(name), sha256 });
  const tests = Object.entries(testContexts ?? {}).map(([folder, sha256]) => [
    folder,
    stored(testContextFile(sha256), sha256),
  ]);
  return {
    ...(contextSha256 !== undefined && { context: stored(TASK_FILES.context, contextSha256) }),
    ...(testContexts && { testContexts: Object.fromEntries(tests) as Record<string, StoredContext> }),
  };
}

/** The archives of those contexts, by their names below the task's prefix, and the folder of the task that each is made of. */
export const contextArchives = ({
  contextSha256,
  testContexts = {},
}: ContextHashes): { name: string; folder: string }[] => [
  ...(contextSha256 === undefined ? [] : [{ name: TASK_FILES.context, folder: CONTEXT }]),
  ...Object.entries(testContexts).map(([folder, hash]) => ({ name: testContextFile(hash), folder })),
];

/** The version that a prefix is of, be it a key or a URI; undefined for one that somebody made up. */
export const versionOf = (prefix: string): string | undefined => /\/([0-9a-f]{12})\/?$/.exec(prefix)?.[1];

/** Keys of the objects that make up an uploaded task. */
export interface TaskKeys {
  /** Prefix of the others. */
  prefix: string;
  /** The task's archive: `packTask`. */
  task: string;
  /** `taskMetadata` as JSON. */
  metadata: string;
  /** The build context: `packContext`. */
  context: string;
}

export function taskKeys(dataset: string, task: Pick<Task, 'name' | 'files'>): TaskKeys {
  const prefix = taskPrefix(dataset, task.name, taskVersion(taskHash(task)));
  return {
    prefix,
    task: `${prefix}${TASK_FILES.task}`,
    metadata: `${prefix}${TASK_FILES.metadata}`,
    context: `${prefix}${TASK_FILES.context}`,
  };
}

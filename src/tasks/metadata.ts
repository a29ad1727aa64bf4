/**
 * `metadata.json` beside `task.zip`: what the operator knows of a task, since it reads no archives. Whoever may write under `tasks/` of the
 * bucket writes it, so it is bounded and checked, and names no other object: where archive and context lie is said by its own key.
 */
import Value from 'typebox/value';
import { sha256 } from '../crds/names.ts';
import { present } from '../crds/present.ts';
import { text, Type } from '../crds/schema.ts';
import { environmentHash, taskDigest, taskHash, taskId, taskVersion } from './hash.ts';
import { COMPOSE_MAX_BYTES, isBounded } from './compose/document.ts';
import { CONTEXT, type Task, type TaskFile } from './task.ts';
import { configProblems } from './toml/parse.ts';
import { TaskConfig } from './toml/schema.ts';

/**
 * Nobody reads a larger one. Harbor's examples take 1.4 to 1.9 KiB, whatever number of files they have; a Trial can hold 128 KiB of what a
 * task.toml says, and JSON takes more room for it than TOML.
 */
export const METADATA_MAX_BYTES = 256 * 1024;

const SCHEMA = 2;
const hash = (description: string) => text(64, description, { pattern: '^[0-9a-f]{64}$' });

export const TaskMetadata = Type.Object({
  /** Grows when readers of the old form could not use the new one. */
  schema: Type.Literal(SCHEMA),
  name: text(200, 'Name of the task.', { minLength: 1 }),
  version: text(12, 'First 12 hex digits of `hash`.', { pattern: '^[0-9a-f]{12}$' }),
  hash: hash('What the files of the task hash to.'),
  id: text(213, '`<name>@<version>`.'),
  digest: hash('Harbor’s digest.'),
  environment_hash: hash('What the build context hashes to.'),
  /** Missing where there is none. */
  context_sha256: Type.Optional(hash('SHA-256 of `context.zip`.')),
  /** The same for each other folder that an image is built of, tests and those of the compose file; its context is `context-<first 12 digits>.zip`. */
  test_contexts: Type.Optional(
    Type.Record(
      Type.String({ pattern: '^((steps/[^/]{1,255}/)?tests/|environment/.{1,1000}/)$' }),
      hash('SHA-256 of the context.'),
      {
        maxProperties: 257,
      },
    ),
  ),
  layout_sha256: hash('Links, permissions and empty folders, which a version does not tell.'),
  /** The parsed task.toml with all defaults filled in. */
  config: TaskConfig,
  /** The parsed docker-compose.yaml, and the texts of the files of variables that it names, by their paths. Missing where there is none. */
  compose: Type.Optional(
    Type.Object({
      document: Type.Record(Type.String(), Type.Unknown()),
      env_files: Type.Optional(
        Type.Record(text(1024, 'Path.'), text(COMPOSE_MAX_BYTES, 'Text.'), { maxProperties: 256 }),
      ),
    }),
  ),
  /** Paths of those files that decide how the task is run: see `filesThatMatter`. */
  files: Type.Array(text(1024, 'Path.'), { maxItems: 1024 }),
});
export type TaskMetadata = Type.Static<typeof TaskMetadata>;

/** SHA-256 of what `packContext` makes, in hex. */
export interface ContextHashes {
  /** Of `environment/`; missing where the image is ready-made. */
  contextSha256?: string;
  /** Of each other folder that an image is built of: tests with a Dockerfile, and those that the compose file names. Missing: there is none. */
  testContexts?: Record<string, string>;
}

/** Plain JSON values only: TOML's dates become ISO texts, integers beyond 2⁵³ texts of digits. */
export function taskMetadata(task: Task, { contextSha256, testContexts }: ContextHashes = {}): TaskMetadata {
  const whole = taskHash(task);
  const metadata: TaskMetadata = {
    schema: SCHEMA,
    name: task.name,
    version: taskVersion(whole),
    hash: whole,
    id: taskId(task),
    digest: taskDigest(task),
    environment_hash: environmentHash(task),
    ...present({ context_sha256: contextSha256, test_contexts: testContexts, compose: task.compose }),
    layout_sha256: layoutHash(task),
    config: task.config,
    files: filesThatMatter(task.files),
  };
  return JSON.parse(jsonOf(metadata)) as TaskMetadata;
}

const jsonOf = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner));

/** Bytes that a parsed task.toml takes of a `metadata.json`, and how many it may. */
export const configBytes = (config: TaskConfig): number => Buffer.byteLength(jsonOf(config));
/** The rest is for what else is in there, files that matter most of all. */
export const CONFIG_MAX_BYTES = METADATA_MAX_BYTES - 16 * 1024;

const MATTERS =
  /^(?:(?:steps\/[^/]+\/)?(?:instruction\.md|solution\/solve\.sh|tests\/(?:test\.sh|Dockerfile|docker-compose\.yaml))|environment\/(?:Dockerfile|docker-compose\.yaml))$/;

/** Of a task's files those that the compile asks for, and one of the context, where there is one. */
export function filesThatMatter(files: readonly { path: string }[]): string[] {
  const paths = files.map(({ path }) => path);
  const named = paths.filter((path) => MATTERS.test(path));
  const other = paths.find((path) => path.startsWith(CONTEXT) && !MATTERS.test(path));
  return other === undefined ? named : [...named, other];
}

/** What a version does not tell of a file. */
export function layoutOf({ link, mode, executable }: Pick<TaskFile, 'link' | 'mode' | 'executable'>): string {
  if (link !== undefined) return `a link to ${link}`;
  if (mode !== undefined) return `of mode ${mode.toString(8)}`;
  return executable ? 'executable' : 'not executable';
}

/** SHA-256 in hex over all that a version does not tell of a task. */
export const layoutHash = ({ files, folders }: Pick<Task, 'files' | 'folders'>): string =>
  sha256(JSON.stringify([files.map((file) => [file.path, layoutOf(file)]), folders]));

export type MetadataRead =
  | { kind: 'read'; metadata: TaskMetadata }
  /** Of an `sb` that wrote another schema. */
  | { kind: 'otherSchema' }
  /** `message` goes on after the object's name. */
  | { kind: 'faulty'; message: string };

/** Reads and checks the contents of a `metadata.json`. */
export function readMetadata(contents: Uint8Array): MetadataRead {
  const value = parsed(contents);
  if (typeof value !== 'object' || value === null) return { kind: 'faulty', message: 'is not JSON' };
  if ((value as { schema?: unknown }).schema !== SCHEMA) return { kind: 'otherSchema' };
  if (!Value.Check(TaskMetadata, value)) {
    const [error] = Value.Errors(TaskMetadata, value);
    return { kind: 'faulty', message: `does not fit its schema at ${error?.instancePath || '/'}` };
  }
  if (!value.hash.startsWith(value.version))
    return { kind: 'faulty', message: 'has a version of another hash' };
  const problem = problemOf(value);
  return problem === undefined ? { kind: 'read', metadata: value } : { kind: 'faulty', message: problem };
}

function problemOf({ compose, config }: TaskMetadata): string | undefined {
  if (compose && !isBounded(compose.document)) return 'has a larger compose document than anybody reads';
  const [problem] = configProblems(config);
  return problem && `has a config in which ${problem.message}`;
}

function parsed(contents: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(contents));
  } catch {
    return undefined;
  }
}

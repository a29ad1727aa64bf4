/** A Trial's task, read from where the Trial says that it lies: for the controller before the Job, for the broker when the courier asks. */
import { joined } from '../async/joined.ts';
import { storedContexts, TASK_FILES } from '../tasks/bucket.ts';
import { configMapHash } from '../crds/content.ts';
import { identityOf } from '../crds/names.ts';
import { TASKS, unreadable, type NamespaceRules } from '../crds/namespace-rules.ts';
import { present } from '../crds/present.ts';
import type { Trial } from '../crds/trial.ts';
import { ConfigMap } from '../kube/kinds.ts';
import type { KubeClient, ObjectKey } from '../kube/types.ts';
import { taskKey, type ArtifactStore } from '../providers/artifact-store/port.ts';
import { ProviderError } from '../providers/errors.ts';
import {
  METADATA_MAX_BYTES,
  readMetadata,
  refusedOf,
  TaskFormatError,
  taskOfConfigMap,
  versionOf,
  type CompilableTask,
  type TaskMetadata,
} from '../tasks/index.ts';
import { KnownTasks, type Fetched } from './known.ts';

/** What keeps a Trial from its task, in the words of its message. */
export interface TaskFault {
  reason: 'TaskNotFound' | 'TaskInvalid' | 'TaskMismatch';
  message: string;
  /** The namespace may not read it. */
  forbidden?: true;
}

export type TaskRead =
  | {
      kind: 'found';
      task: CompilableTask;
      /** Key of the task's archive; missing for a task out of a ConfigMap. */
      archive?: string;
      /** First 12 hex digits of the ConfigMap's `filesHash`; missing for a task out of the bucket. */
      content?: string;
    }
  | ({ kind: 'faulty' } & TaskFault);

export interface TaskSources {
  kube: Pick<KubeClient, 'get'>;
  artifacts: Pick<ArtifactStore, 'bucket' | 'get' | 'uri'>;
  /** What the admins decided for a namespace. */
  rulesOf: (namespace: string) => Promise<NamespaceRules>;
}

/** What a task says of itself may be long, and is part of the message. */
const MESSAGE_MAX = 1024;

const faulty = (reason: TaskFault['reason'], message: string): TaskRead & { kind: 'faulty' } => ({
  kind: 'faulty',
  reason,
  message: message.slice(0, MESSAGE_MAX),
});

/** Reads tasks. It remembers what lies under the key of a version, which never changes, and what ConfigMaps of the same content say; 8 MiB of it. */
export class TaskReader {
  readonly #sources: TaskSources;
  readonly #known = new KnownTasks();
  /** A thousand Trials of one task come at once, and a ConfigMap may be a mebibyte. */
  readonly #readConfigMap = joined(
    (key: ObjectKey) => this.#fetchConfigMap(key),
    ({ namespace, name }) => `${namespace}/${name}`,
  );

  constructor(sources: TaskSources) {
    this.#sources = sources;
  }

  /** The Trial's task, or why it has none. Rejects where store or API server do not answer. */
  async read({ metadata, spec }: Pick<Trial, 'metadata' | 'spec'>): Promise<TaskRead> {
    const { namespace } = identityOf({ metadata });
    const { s3, configMap, version } = spec.task;
    if (configMap) return await this.#readConfigMap({ namespace, name: configMap.name });
    return await this.#readStored({ namespace, uri: s3?.uri ?? '', wanted: version });
  }

  async #fetchConfigMap({ namespace, name }: ObjectKey): Promise<TaskRead> {
    const found = await this.#sources.kube.get(ConfigMap, { namespace, name });
    if (!found)
      return faulty('TaskNotFound', `spec.task.configMap.name: there is no ConfigMap ${namespace}/${name}`);
    const content = configMapHash(found);
    return await this.#known.get(`configmap/${content}`, async () => compilableOf(found, name, content));
  }

  async #readStored({
    namespace,
    uri,
    wanted,
  }: {
    namespace: string;
    uri: string;
    wanted: string | undefined;
  }): Promise<TaskRead> {
    const { artifacts, rulesOf } = this.#sources;
    const prefix = taskKey(uri, artifacts.bucket);
    if (prefix === undefined)
      return faulty(
        'TaskNotFound',
        `spec.task.s3.uri: ${uri} is not under ${artifacts.uri(TASKS)}, where tasks are taken from`,
      );
    const problem = unreadable(await rulesOf(namespace), { key: prefix, namespace });
    if (problem !== undefined)
      return { ...faulty('TaskNotFound', `spec.task.s3.uri: ${problem}`), forbidden: true };
    const read = await this.#known.get(prefix, () => this.#fetch(prefix));
    return read.kind === 'found' ? demandVersion(read, wanted ?? versionOf(prefix)) : read;
  }

  async #fetch(prefix: string): Promise<Fetched> {
    const { artifacts } = this.#sources;
    const key = `${prefix}/${TASK_FILES.metadata}`;
    const contents = await artifacts.get(key, METADATA_MAX_BYTES).catch(asRefusal);
    if (contents === undefined)
      return faulty('TaskNotFound', `there is no object ${artifacts.uri(key)}; ${AGAIN}`);
    if (!(contents instanceof Uint8Array)) return contents;
    const read = readMetadata(contents);
    if (read.kind === 'otherSchema')
      return faulty('TaskInvalid', `${artifacts.uri(key)} was written by another version of sb; ${AGAIN}`);
    if (read.kind === 'faulty')
      return faulty('TaskInvalid', `${artifacts.uri(key)} ${read.message}; ${AGAIN}`);
    const task = compilable(read.metadata, (name) => artifacts.uri(`${prefix}/${name}`));
    const [refused] = refusedOf(task);
    if (refused) return faulty('TaskInvalid', `${artifacts.uri(key)}: ${refused.message}`);
    // A version is never another; what somebody stores under a name of their own may be.
    const lasts = versionOf(prefix) === task.version;
    return {
      kind: 'found',
      task,
      archive: `${prefix}/${TASK_FILES.task}`,
      ...present({ bytes: lasts ? contents.length : undefined }),
    };
  }
}

/** The task in a ConfigMap; `content`: its `filesHash`. */
function compilableOf(found: ConfigMap, name: string, content: string): Fetched {
  try {
    const task = taskOfConfigMap(found);
    const [refused] = refusedOf(task);
    if (refused) return faulty('TaskInvalid', `ConfigMap ${name}: ${refused.message}`);
    const bytes = Buffer.byteLength(JSON.stringify([task.config, task.compose]));
    return { kind: 'found', task, content: content.slice(0, 12), bytes };
  } catch (error) {
    if (!(error instanceof TaskFormatError)) throw error;
    return faulty('TaskInvalid', `ConfigMap ${name}: ${error.message}`);
  }
}

const AGAIN = 'store the task again with sb task push or sb cloud run';

function compilable(
  { config, files, version, context_sha256, test_contexts, compose }: TaskMetadata,
  uri: (name: string) => string,
): CompilableTask {
  return {
    config,
    files: files.map((path) => ({ path })),
    version,
    ...present({ compose }),
    ...storedContexts(present({ contextSha256: context_sha256, testContexts: test_contexts }), uri),
  };
}

/** What the store says of a key that it will never take, as of one that is too long; and of an object that is too large. */
function asRefusal(error: unknown): TaskRead & { kind: 'faulty' } {
  if (!(error instanceof ProviderError)) throw error;
  if (error.reason === 'Invalid') return faulty('TaskNotFound', `spec.task.s3.uri: ${error.message}`);
  if (error.reason === 'TooLarge')
    return faulty('TaskInvalid', `metadata.json is larger than ${METADATA_MAX_BYTES} bytes; ${AGAIN}`);
  throw error;
}

function demandVersion(read: TaskRead & { kind: 'found' }, wanted: string | undefined): TaskRead {
  const { version } = read.task;
  if (wanted === undefined || version === wanted) return read;
  return faulty(
    'TaskMismatch',
    `the Trial names version ${wanted} of the task, but its metadata.json is of version ${version}`,
  );
}

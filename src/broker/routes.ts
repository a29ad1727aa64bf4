/** What each route of the wire contract (src/wire) answers. */
import type { IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import {
  GRANT_SECONDS,
  type ContextResponse,
  type SourceResponse,
  type UploadResponse,
} from '../wire/uploads.ts';
import type { Assignment, AssignedSource } from '../wire/assignment.ts';
import { TASKS, unreadable } from '../crds/namespace-rules.ts';
import type { ModelPrice } from '../crds/model-prices.ts';
import type { NamespaceRules } from '../crds/namespace-rules.ts';
import { present } from '../crds/present.ts';
import { PRESIGN_MAX_SECONDS, taskKey } from '../providers/artifact-store/port.ts';
import type { ArtifactStore, PresignedRequest } from '../providers/artifact-store/port.ts';
import type { TaskReader } from '../task-source/read.ts';
import { readJson } from './body.ts';
import type { Subjects } from './identity/subjects.ts';
import type { PodIdentity } from './identity/token.ts';
import type { BrokerMetrics } from './metrics.ts';
import { assignmentOf } from './assignment.ts';
import { isRefused, refused } from './refusal.ts';
import { sourceKeys, sources, type SourceOf } from './sources.ts';
import { compiledTasks } from './tasks.ts';
import type { CompiledTask } from './tasks.ts';
import type { Refused, RefusalReason } from './refusal.ts';
import { uploadsOf } from './uploads.ts';
import type { Upload } from './uploads.ts';

export interface RouteDeps {
  subjects: Subjects;
  tasks: Pick<TaskReader, 'read'>;
  now: () => Date;
  store: ArtifactStore;
  /** What the admins decided for a namespace. Rejects with `ApiError`. */
  rulesOf: (namespace: string) => Promise<NamespaceRules>;
  /** Life of the URLs that are given out. */
  presignSeconds: number;
  /** Where it accepts and says nothing, on the same addresses. */
  probePort: number;
  /** Of models, before what is built in. */
  modelPrices: readonly ModelPrice[];
  metrics: Pick<BrokerMetrics, 'granted'>;
}

/** Resolves the JSON to answer with. The request's body has not been read yet. */
export type Route = (pod: PodIdentity, request: IncomingMessage) => Promise<object>;

/** So many URLs are signed at a stretch: the controllers in this process must not wait for 500. */
const SLICE = 16;

/** What is to be downloaded; `uri` is how the user called it. */
interface Wanted {
  key: string | undefined;
  uri: string;
  reason: RefusalReason;
  namespace: string;
}

/** A URL of an object that exists and that the namespace may read. */
async function download(
  { store, rulesOf, presignSeconds }: RouteDeps,
  { key, uri, reason, namespace }: Wanted,
): Promise<string | Refused> {
  if (key === undefined) return refused(404, reason, `${uri} is not under ${store.uri(TASKS)}`);
  const problem = unreadable(await rulesOf(namespace), { key, namespace });
  if (problem !== undefined) return refused(403, 'PrefixRefused', problem);
  if (!(await store.head(key))) return refused(404, reason, `there is no object ${store.uri(key)}`);
  return (await store.presignGet(key, presignSeconds)).url;
}

/** What a courier is to do: its Trial's task, compiled once more. */
function assignmentRoute({
  subjects,
  tasks,
  store,
  rulesOf,
  presignSeconds,
  probePort,
  modelPrices,
  now,
  sourceOf: regradedBy,
}: RouteDeps & { sourceOf: SourceOf }): (pod: PodIdentity) => Promise<Assignment | Refused> {
  const taskOf = compiledTasks(tasks, now);
  const sourceOf = async ({ content, archive = '' }: CompiledTask['read']): Promise<AssignedSource> => {
    if (content !== undefined) return { kind: 'configMap', content };
    return { kind: 'archive', url: (await store.presignGet(archive, presignSeconds)).url };
  };

  return async (pod) => {
    const subject = await subjects.trialOf(pod);
    if (isRefused(subject)) return subject;
    const task = await taskOf(subject);
    if (isRefused(task)) return task;
    const regrade = subject.trial.spec.regrade && (await regradedBy(subject));
    if (regrade && isRefused(regrade)) return regrade;
    const [source, rules] = await Promise.all([sourceOf(task.read), rulesOf(pod.namespace)]);
    return assignmentOf(subject, {
      compiled: task.compiled,
      source,
      rules,
      probePort,
      modelPrices,
      ...present({ regrade }),
    });
  };
}

async function inSlices<T>(
  all: readonly T[],
  sign: (one: T) => Promise<PresignedRequest>,
): Promise<PresignedRequest[]> {
  const signed: PresignedRequest[] = [];
  for (let start = 0; start < all.length; start += SLICE) {
    signed.push(...(await Promise.all(all.slice(start, start + SLICE).map(sign))));
    await setImmediate();
  }
  return signed;
}

/** Routes by method and path. */
export function routes(given: RouteDeps): Record<string, Route> {
  const { subjects, store } = given;
  const presignSeconds = Math.min(given.presignSeconds, PRESIGN_MAX_SECONDS);
  const deps = { ...given, presignSeconds };
  const grantSeconds = Math.min(presignSeconds, GRANT_SECONDS);

  const sourceOf = sources(store);
  const assignment = assignmentRoute({ ...deps, sourceOf });

  const presign = async (uploads: Upload[]): Promise<UploadResponse> => {
    const signed = await inSlices(uploads, (file) => store.presignPut(file.key, file, grantSeconds));
    given.metrics.granted(uploads);
    return { uploads: signed };
  };

  const source = async (pod: PodIdentity, request: IncomingMessage): Promise<SourceResponse | Refused> => {
    const subject = await subjects.trialOf(pod);
    if (isRefused(subject)) return subject;
    const found = await sourceOf(subject);
    if (isRefused(found)) return found;
    const body = await readJson(request);
    if (isRefused(body)) return body;
    const keys = sourceKeys(found, body.json);
    if (!Array.isArray(keys)) return keys;
    const signed = await inSlices(keys, (key) => store.presignGet(key, grantSeconds));
    return { urls: signed.map(({ url }) => url) };
  };

  const upload: Route = async (pod, request) => {
    const subject = await subjects.trialOf(pod);
    if (isRefused(subject)) return subject;
    if (!subject.trial.spec.uploadResults)
      return refused(403, 'UploadsDisabled', 'spec.uploadResults of this Trial is false');
    const body = await readJson(request);
    if (isRefused(body)) return body;
    const uploads = uploadsOf(subject.trial, body.json);
    return Array.isArray(uploads) ? presign(uploads) : uploads;
  };

  const context = async (pod: PodIdentity): Promise<ContextResponse | Refused> => {
    const taskBuild = await subjects.taskBuildOf(pod);
    if (isRefused(taskBuild)) return taskBuild;
    const { s3 } = taskBuild.spec.context;
    if (!s3) return refused(404, 'ContextNotFound', 'the context of this TaskBuild is a ConfigMap');
    const url = await download(deps, {
      key: taskKey(s3.uri, store.bucket),
      uri: s3.uri,
      reason: 'ContextNotFound',
      namespace: pod.namespace,
    });
    return typeof url === 'string' ? { url, sha256: s3.sha256 } : url;
  };

  return {
    'GET /v1/assignment': assignment,
    'POST /v1/uploads': upload,
    'POST /v1/source': source,
    'GET /v1/context': context,
  };
}

/** What a Pod may act for: the Trial whose current attempt it runs, or the TaskBuild that it builds. */
import type { ImageConfig } from '../../crds/courier-protocol.ts';
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../crds/kinds.ts';
import { ANNOTATION, jobName, LABEL } from '../../crds/names.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import { Job, Pod } from '../../kube/kinds.ts';
import type { Kind, KubeClient, KubeObject, Store } from '../../kube/types.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import type { PodIdentity } from './token.ts';

export interface TrialSubject {
  trial: Trial;
  attempt: number;
  image: ImageConfig;
}

/** Both reject with `ApiError` where only the API server could tell and does not answer. */
export interface Subjects {
  trialOf(pod: PodIdentity): Promise<TrialSubject | Refused>;
  taskBuildOf(pod: PodIdentity): Promise<TaskBuild | Refused>;
}

export interface SubjectSources {
  kube: KubeClient;
  pods: Store<Pod>;
  jobs: Store<Job>;
  trials: Store<Trial>;
  taskBuilds: Store<TaskBuild>;
  now: () => Date;
}

/** Answers out of the watch caches; what they do not hold, or hold under another UID, is asked for once at the API server. */
export const subjects = (sources: SubjectSources): Subjects => ({
  trialOf: (identity) => trialOf(sources, identity),
  taskBuildOf: (identity) => taskBuildOf(sources, identity),
});

async function trialOf(sources: SubjectSources, identity: PodIdentity): Promise<TrialSubject | Refused> {
  const pod = await podOf(sources, identity);
  if (isRefused(pod)) return pod;
  const attempt = attemptOf(pod);
  if (attempt === undefined) return notOurs('a Trial');
  const trial = await ownerOf(sources, pod, [TrialKind, sources.trials]);
  if (isRefused(trial)) return trial;
  if (controllerOf(pod)?.name !== jobName(trial.metadata.name, attempt)) return notOurs(`attempt ${attempt}`);
  const newer = supersededBy(sources.jobs, trial, attempt);
  if (newer !== undefined)
    return refused(403, 'OlderAttempt', `attempt ${attempt} was followed by attempt ${newer}`);
  const image = imageOf(pod);
  if (!image) return refused(403, 'BrokenPod', `the Pod’s annotation ${ANNOTATION.imageConfig} is not JSON`);
  return { trial, attempt, image };
}

async function taskBuildOf(sources: SubjectSources, identity: PodIdentity): Promise<TaskBuild | Refused> {
  const pod = await podOf(sources, identity);
  if (isRefused(pod)) return pod;
  if (pod.metadata.labels?.[LABEL.taskBuild] === undefined) return notOurs('a TaskBuild');
  return ownerOf(sources, pod, [TaskBuildKind, sources.taskBuilds]);
}

const notOurs = (what: string): Refused =>
  refused(403, 'NotOurPod', `this Pod does not run ${what} of this operator`);

/** Labels anybody can write; a controller has to exist under this name and UID. */
function controllerOf({ metadata }: KubeObject): { name: string; uid: string } | undefined {
  const found = metadata.ownerReferences?.find(({ controller }) => controller === true);
  return found && { name: found.name, uid: found.uid };
}

type Kept<T extends KubeObject> = [kind: Kind<T>, store: Store<T>];

interface Identity {
  namespace: string;
  name: string;
  uid: string;
}

/** The very object with that UID; one that took its name later is another. */
async function find<T extends KubeObject>(
  kube: KubeClient,
  [kind, store]: Kept<T>,
  { uid, ...key }: Identity,
): Promise<T | undefined> {
  const cached = store.get(key);
  if (cached?.metadata.uid === uid) return cached;
  const live = await kube.get(kind, key);
  return live?.metadata.uid === uid ? live : undefined;
}

async function podOf({ kube, pods, now }: SubjectSources, identity: PodIdentity): Promise<Pod | Refused> {
  const { namespace, podName: name, podUid: uid } = identity;
  const pod = await find(kube, [Pod, pods], { namespace, name, uid });
  if (!pod) return refused(403, 'PodGone', `there is no Pod ${namespace}/${name} with UID ${uid}`);
  // The timestamp includes the grace period: until then the courier stores what there is.
  const end = pod.metadata.deletionTimestamp;
  if (end !== undefined && now().getTime() > Date.parse(end))
    return refused(403, 'PodGone', `the Pod ${namespace}/${name} should have ended at ${end}`);
  return pod;
}

/** The object that controls the Job that controls the Pod. */
async function ownerOf<T extends KubeObject>(
  { kube, jobs }: SubjectSources,
  pod: Pod,
  kept: Kept<T>,
): Promise<T | Refused> {
  const { namespace = '', name } = pod.metadata;
  const byPod = controllerOf(pod);
  const job = byPod && (await find(kube, [Job, jobs], { ...byPod, namespace }));
  const byJob = job && controllerOf(job);
  const owner = byJob && (await find(kube, kept, { ...byJob, namespace }));
  return (
    owner ?? refused(403, 'NoSuchOwner', `no ${kept[0].kind} has a Job with the Pod ${namespace}/${name}`)
  );
}

/** The number of a later attempt than `attempt`. */
function supersededBy(jobs: Store<Job>, { metadata, status }: Trial, attempt: number): number | undefined {
  const recorded = status?.attempts?.at(-1)?.number ?? 0;
  if (recorded > attempt) return recorded;
  // Between the creation of its Job and the status that records it, an attempt is known by the Job alone.
  const next = jobs.get({ namespace: metadata.namespace ?? '', name: jobName(metadata.name, attempt + 1) });
  return next && controllerOf(next)?.uid === metadata.uid ? attempt + 1 : undefined;
}

/** Undefined for a Pod that does not say it runs a Trial. */
function attemptOf({ metadata: { labels = {} } }: Pod): number | undefined {
  const attempt = Number(labels[LABEL.attempt]);
  return labels[LABEL.trial] !== undefined && attempt >= 1 ? attempt : undefined;
}

function imageOf({ metadata: { annotations = {} } }: Pod): ImageConfig | undefined {
  try {
    return JSON.parse(annotations[ANNOTATION.imageConfig] ?? '') as ImageConfig;
  } catch {
    return undefined;
  }
}

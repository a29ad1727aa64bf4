/** What a Pod may act for: the Trial or Sandbox whose current attempt it runs, or the TaskBuild that it builds. */
import { CONTAINERS, PROGRAM } from '../../wire/pod-paths.ts';
import type { ImageConfig } from '../../crds/image-config.ts';
import { Sandbox as SandboxKind, TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../crds/kinds.ts';
import { ANNOTATION, jobName, LABEL } from '../../crds/names.ts';
import { alterationOf } from '../../pods/rendered.ts';
import { present } from '../../crds/present.ts';
import type { Regraded } from '../../crds/regrade.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import type { WatchedStore } from '../../kube/cache/cache.ts';
import { Job, Pod } from '../../kube/kinds.ts';
import type { KubeClient, KubeObject, Store } from '../../kube/types.ts';
import { madeWithOf, type MadeWith } from '../../pods/made-with.ts';
import { controllerOf, isControlledBy } from '../../pods/ownership.ts';
import { regradedOf } from '../../pods/regraded.ts';
import { verifierImagesOf, type VerifierImages } from '../../pods/verifier-images.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { endOfAttempt, endOfBuild, endOfPod, endOfSandbox } from './ended.ts';
import { finder } from './lookup.ts';
import type { Find, Kept } from './lookup.ts';
import type { PodIdentity } from './token.ts';

export interface TrialSubject {
  trial: Trial;
  attempt: number;
  image: ImageConfig;
  /** Of separate verifiers. */
  verifiers: VerifierImages;
  /** What a regrade judges again. */
  regraded?: Regraded;
  /** `ANNOTATION.taskContent` of the Job: what the task's ConfigMap was when it was made. */
  taskContent?: string;
  /** Whether its agent's program is in the agent's container: an image of it was there when the Job was made. */
  hasProgram?: true;
}

/** A Sandbox, or a pool whose Pod nobody has taken yet. */
export interface SandboxSubject {
  sandbox: Sandbox;
  /** Name of its Job. */
  job: string;
  image: ImageConfig;
  /** Its own, or those of the pool whose Pod it has. */
  made: MadeWith;
  /** Names of the container's variables. */
  variables: string[];
}

/** All reject with `ApiError` where only the API server could tell and does not answer. */
export interface Subjects {
  sandboxOf(pod: PodIdentity): Promise<SandboxSubject | Refused>;
  trialOf(pod: PodIdentity): Promise<TrialSubject | Refused>;
  taskBuildOf(pod: PodIdentity): Promise<TaskBuild | Refused>;
}

/** Watch caches of Sandboxes and what runs them. */
export interface SandboxStores {
  sandboxes: Store<Sandbox>;
  sandboxJobs: Store<Job> & Pick<WatchedStore<Job>, 'subscribe'>;
  sandboxPods: Store<Pod>;
}

export interface SubjectSources extends SandboxStores {
  kube: KubeClient;
  pods: Store<Pod>;
  jobs: Store<Job>;
  trials: Store<Trial>;
  taskBuilds: Store<TaskBuild>;
  now: () => Date;
}

interface Looking extends SubjectSources {
  find: Find;
}

/** Answers out of the watch caches; what they do not hold, or hold under another UID, is asked for at the API server (`lookup.ts`). */
export function subjects(sources: SubjectSources): Subjects {
  const looking = { ...sources, find: finder(sources) };
  return {
    trialOf: (identity) => trialOf(looking, identity),
    taskBuildOf: (identity) => taskBuildOf(looking, identity),
    sandboxOf: (identity) => sandboxOf(looking, identity),
  };
}

async function trialOf(sources: Looking, identity: PodIdentity): Promise<TrialSubject | Refused> {
  const run = await runOf(sources, identity, {
    label: LABEL.trial,
    carrier: CONTAINERS.courier,
    // A replica that was frozen, or is cut off, holds the Trial as it was: a later attempt may be under way elsewhere.
    kept: [TrialKind, sources.trials, 'lately'],
  });
  if (isRefused(run)) return run;
  const { job, owner: trial } = run;
  const { labels, annotations } = job.spec?.template.metadata ?? {};
  const attempt = Number(labels?.[LABEL.attempt]);
  if (job.metadata.name !== jobName(trial.metadata.name, attempt)) return notOurs(`attempt ${attempt}`);
  const end = endOfAttempt(trial, attempt) ?? supersededBy(sources.jobs, trial, attempt);
  if (end) return end;
  const images = imagesOf(annotations);
  if (isRefused(images)) return images;
  const taskContent = job.metadata.annotations?.[ANNOTATION.taskContent];
  return {
    trial,
    attempt,
    ...images,
    ...programIn(job),
    ...present({ taskContent, regraded: regradedOf(annotations) }),
  };
}

function programIn({ spec }: Job): Pick<TrialSubject, 'hasProgram'> {
  const { volumes = [] } = spec?.template.spec ?? {};
  return volumes.some(({ name }) => name === PROGRAM) ? { hasProgram: true } : {};
}

async function taskBuildOf(sources: Looking, identity: PodIdentity): Promise<TaskBuild | Refused> {
  const run = await runOf(sources, identity, {
    label: LABEL.taskBuild,
    carrier: CONTAINERS.context,
    kept: [TaskBuildKind, sources.taskBuilds],
  });
  if (isRefused(run)) return run;
  return endOfBuild(run.owner, run.job.metadata.name) ?? run.owner;
}

async function sandboxOf(sources: Looking, identity: PodIdentity): Promise<SandboxSubject | Refused> {
  const { sandboxes, sandboxJobs: jobs, sandboxPods: pods } = sources;
  const run = await runOf({ ...sources, jobs, pods }, identity, {
    label: LABEL.sandbox,
    carrier: CONTAINERS.courier,
    kept: [SandboxKind, sandboxes, 'lately'],
  });
  if (isRefused(run)) return run;
  const { job, owner: sandbox } = run;
  const end = endOfSandbox(sandbox, job.metadata.name);
  if (end) return end;
  const { annotations } = job.spec?.template.metadata ?? {};
  const [image, made] = [imageOf(annotations), madeWithOf(annotations)];
  if (image && made) return { sandbox, job: job.metadata.name, image, made, variables: variablesIn(job) };
  return broken(image ? ANNOTATION.madeWith : ANNOTATION.imageConfig);
}

const variablesIn = ({ spec }: Job): string[] => {
  const container = spec?.template.spec?.containers.find(({ name }) => name === CONTAINERS.task);
  return (container?.env ?? []).map(({ name }) => name);
};

const notOurs = (what: string): Refused =>
  refused(403, 'NotOurPod', `this Pod does not run ${what} of this operator`);

interface Wanted<T extends KubeObject> {
  /** The label that Pods of this kind of owner have. */
  label: string;
  /** Name of the init container that has the token. */
  carrier: string;
  kept: Kept<T>;
}

interface Run<T extends KubeObject> {
  job: Job;
  owner: T;
}

/** The Pod's Job and the object that controls it. Labels and owner references anybody can write: the Pod has to be what the Job says, too. */
async function runOf<T extends KubeObject>(
  sources: Looking,
  identity: PodIdentity,
  { label, carrier, kept }: Wanted<T>,
): Promise<Run<T> | Refused> {
  const pod = await podOf(sources, identity);
  if (isRefused(pod)) return pod;
  if (pod.metadata.labels?.[label] === undefined) return notOurs(`a ${kept[0].kind}`);
  const run = await ownersOf(sources, pod, kept);
  if (isRefused(run)) return run;
  // Admission policies let the operator alone put our labels on a Job; a Job without them may be anyone's, whatever its template says.
  if (run.job.metadata.labels?.[label] === undefined) return notOurs(`a ${kept[0].kind}`);
  return endOfPod(pod, carrier, sources.now()) ?? forgeryOf(pod, run.job) ?? run;
}

async function podOf({ find, pods }: Looking, identity: PodIdentity): Promise<Pod | Refused> {
  const { namespace, podName: name, podUid: uid } = identity;
  const pod = await find([Pod, pods], { namespace, name, uid });
  return pod ?? refused(403, 'PodGone', `there is no Pod ${namespace}/${name} with UID ${uid}`);
}

async function ownersOf<T extends KubeObject>(
  { find, jobs }: Looking,
  pod: Pod,
  kept: Kept<T>,
): Promise<Run<T> | Refused> {
  const { namespace, name } = pod.metadata;
  const none = refused(403, 'NoSuchOwner', `no ${kept[0].kind} has a Job with the Pod ${namespace}/${name}`);
  const job = (await findController(find, pod, [Job, jobs])) ?? none;
  if (isRefused(job)) return job;
  const owner = (await findController(find, job, kept)) ?? none;
  return isRefused(owner) ? owner : { job, owner };
}

/** Refused where a Pod is not what its Job says. */
export function forgeryOf(pod: Pod, job: Job): Refused | undefined {
  const { namespace, name } = pod.metadata;
  // Nothing of ours adds one, and one can mount the token or enter the courier.
  const guest = pod.spec?.ephemeralContainers?.[0];
  const alteration = guest ? `ephemeral container ${guest.name} was added` : alterationOf(pod, job);
  if (alteration === undefined) return undefined;
  return refused(
    403,
    'AlteredPod',
    `the Pod ${namespace}/${name} is not what Job ${job.metadata.name} says: ${alteration}`,
  );
}

/** The object that controls `object`: it has to exist under the name and the UID that the reference tells. */
async function findController<T extends KubeObject>(
  find: Find,
  object: KubeObject,
  kept: Kept<T>,
): Promise<T | undefined | Refused> {
  const reference = controllerOf(object);
  if (reference?.kind !== kept[0].kind) return undefined;
  const { name, uid } = reference;
  return find(kept, { namespace: object.metadata.namespace ?? '', name, uid });
}

/** Between the creation of its Job and the status that records it, a later attempt is known by the Job alone. */
function supersededBy(jobs: Store<Job>, trial: Trial, attempt: number): Refused | undefined {
  const { metadata } = trial;
  const next = jobs.get({ namespace: metadata.namespace ?? '', name: jobName(metadata.name, attempt + 1) });
  return next && isControlledBy(next, trial)
    ? refused(403, 'OlderAttempt', `attempt ${attempt} was followed by attempt ${attempt + 1}`)
    : undefined;
}

function imagesOf(
  annotations: Record<string, string> | undefined,
): Pick<TrialSubject, 'image' | 'verifiers'> | Refused {
  const [image, verifiers] = [imageOf(annotations), verifierImagesOf(annotations)];
  if (image && verifiers) return { image, verifiers };
  return broken(image ? ANNOTATION.verifierImages : ANNOTATION.imageConfig);
}

const broken = (annotation: string): Refused =>
  refused(403, 'BrokenPod', `the Job’s annotation ${annotation} is not JSON`);

function imageOf(annotations: Record<string, string> = {}): ImageConfig | undefined {
  try {
    return JSON.parse(annotations[ANNOTATION.imageConfig] ?? '') as ImageConfig;
  } catch {
    return undefined;
  }
}

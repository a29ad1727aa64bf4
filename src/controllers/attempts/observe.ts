/** The reads of an attempt, of a Trial or a Sandbox alike: its Job, the Pod of that, and why there is none. */
import { identityOf } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import { Event, Job, Pod } from '../../kube/kinds.ts';
import type { KubeClient, KubeObject, Store } from '../../kube/types.ts';
import { isControlledBy, isLeftover, isOwnedBy } from '../../pods/ownership.ts';
import { madeNoPod, startsNoPod } from '../../pods/reading/job.ts';
import { alterationOf } from '../../pods/rendered.ts';
import { POD_EXPECTED_MS, type JobSeen, type PodSeen } from './observed.ts';

export interface AttemptSources {
  kube: Pick<KubeClient, 'get' | 'list'>;
  jobs: Store<Job>;
  /** Indexed by `owner`: UID of the controlling object. */
  pods: Store<Pod>;
}

/** The Job of that name. `live`: where the cache has none of the owner's, it may be behind, and the API server is asked. */
export async function seeJob(
  { kube, jobs }: Pick<AttemptSources, 'kube' | 'jobs'>,
  { owner, name, live }: { owner: KubeObject; name: string; live: boolean },
): Promise<JobSeen> {
  const key = { namespace: identityOf(owner).namespace, name };
  const cached = jobs.get(key);
  const job = live && !(cached && isOwnedBy(cached, owner)) ? await kube.get(Job, key) : cached;
  if (!job) return { kind: 'none' };
  if (isOwnedBy(job, owner)) return { kind: 'own', job };
  return { kind: isLeftover(job, owner) ? 'leftover' : 'foreign' };
}

/** The Pod of a Job. `label`: which the operator puts on Pods of that kind. */
export const seePod = async (sources: AttemptSources, job: Job, label: string): Promise<PodSeen> =>
  genuineOf(await seePods(sources, job, label), job);

/** The two caches are two watches: a Job may have ended in one before its Pod is in the other, so that is asked for. */
async function seePods({ kube, pods }: AttemptSources, job: Job, label: string): Promise<Pod[]> {
  const { namespace, uid } = identityOf(job);
  const cached = pods.by('owner', uid);
  if (cached.length > 0 || !startsNoPod(job)) return cached;
  // The UID anybody can write on Pods, as many and as large as they like; our label is the Job controller's alone.
  const labelSelector = `${label},batch.kubernetes.io/controller-uid=${uid}`;
  const live = await kube.list(Pod, { namespace, labelSelector });
  // Where the admission policies are not installed, the label is anybody's; the reference the Job controller checks, too.
  return live.filter((pod) => isControlledBy(pod, job));
}

/** Whoever may create Pods can write one that names the Job as its owner, and an outcome into that: it has to be what the Job says. */
function genuineOf(pods: Pod[], job: Job): PodSeen {
  const pod = pods.find((candidate) => alterationOf(candidate, job) === undefined);
  const [other] = pods;
  if (pod || !other) return present({ pod });
  const alteration = alterationOf(other, job);
  return { altered: `Pod ${other.metadata.name} is not what the operator rendered: ${alteration}` };
}

/** Each may be as large as an object can be, so few are read, and of each the beginning. */
const EVENTS = 20;
const EVENT_CHARS = 2048;

/**
 * A Job that has had no Pod for a while: in its events the Job controller says why. A Job that Kueue holds back is to have none. The API server
 * goes through all events of the namespace for it, so it is asked only where there may be such an event.
 */
export async function seeRefusal(
  { kube }: Pick<AttemptSources, 'kube'>,
  { job, pod, now }: Pick<PodSeen, 'pod'> & { job: Job; now: Date },
): Promise<string | undefined> {
  if (pod || startsNoPod(job) || job.spec?.suspend === true || !madeNoPod(job)) return undefined;
  const { namespace, uid } = identityOf(job);
  const age = now.getTime() - Date.parse(job.metadata.creationTimestamp ?? now.toISOString());
  if (age < POD_EXPECTED_MS) return undefined;
  const fieldSelector = `involvedObject.uid=${uid},reason=FailedCreate`;
  // Whoever may write events may leave out of them what others have.
  const events: Partial<Event>[] = await kube.list(Event, { namespace, fieldSelector, limit: EVENTS });
  return events
    .filter(({ source }) => source?.component === 'job-controller')
    .sort((a, b) => (a.lastTimestamp ?? '').localeCompare(b.lastTimestamp ?? ''))
    .at(-1)
    ?.message?.slice(0, EVENT_CHARS);
}

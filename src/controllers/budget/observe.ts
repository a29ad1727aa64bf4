/** Every read of the budget controller. Jobs and Pods come from the watch caches; a Job that they never had is asked for. */
import { isOlder, type Account, type Seen, type SeenJob } from '../../budget/account.ts';
import { rateOf, type Prices } from '../../budget/prices.ts';
import { identityOf } from '../../crds/names.ts';
import { Job, type Pod } from '../../kube/kinds.ts';
import type { KubeClient, Store } from '../../kube/types.ts';
import { controllerOf } from '../../pods/ownership.ts';
import { containerStatuses } from '../../pods/reading/containers.ts';
import { isActive } from '../../pods/reading/job.ts';
import { isOver } from '../../pods/reading/state.ts';
import { scheduledAt } from '../../pods/reading/waiting.ts';

export interface BudgetSources {
  kube: Pick<KubeClient, 'get'>;
  /** Of Trials and of Sandboxes; indexed by `namespace`. */
  jobs: Store<Job>;
  sandboxJobs: Store<Job>;
  /** Indexed by `owner`. */
  pods: Store<Pod>;
  sandboxPods: Store<Pod>;
  prices: Prices;
  isOpening: (namespace: string, name: string) => boolean;
}

/** The Jobs of a namespace, and those of which only its account knows. */
export async function seeJobs(
  sources: BudgetSources,
  namespace: string,
  { holds }: Account,
): Promise<SeenJob[]> {
  const cached = [sources.jobs, sources.sandboxJobs].flatMap((store) => store.by('namespace', namespace));
  const seen = cached.map((job) => seeJob(sources, job, holds));
  const known = new Set(seen.flatMap(({ uid = '', name = '' }) => [uid, name]));
  const rest = Object.keys(holds).filter((key) => !known.has(key));
  const unseen = await Promise.all(rest.map((key) => seeUncached(sources, { namespace, key, holds })));
  return [...seen, ...unseen];
}

type Holds = Account['holds'];

/** One that is older than the hold of its name is not the Job of that. */
function seeJob(sources: BudgetSources, job: Job, holds: Holds): SeenJob {
  const { uid, name } = identityOf(job);
  const { containers = [], ...pod } = job.spec?.template.spec ?? {};
  const rate = rateOf({ ...pod, containers }, sources.prices);
  const hold = holds[name];
  const isAnother = hold !== undefined && isOlder(job.metadata.creationTimestamp, hold);
  return { uid, ...(!isAnother && { name }), rate, seen: seePods(podsOf(sources, uid), isActive(job)) };
}

const podsOf = ({ pods, sandboxPods }: BudgetSources, uid: string): Pod[] => [
  ...pods.by('owner', uid),
  ...sandboxPods.by('owner', uid),
];

/** `key`: UID of a Job that was seen once, or name of one that was not. */
async function seeUncached(
  sources: BudgetSources,
  { namespace, key, holds }: { namespace: string; key: string; holds: Holds },
): Promise<SeenJob> {
  const pods = podsOf(sources, key);
  // Whoever deletes a Job in the background leaves its Pod for a while.
  if (pods.length > 0) return { uid: key, rate: 0, seen: seePods(pods, false) };
  if (sources.isOpening(namespace, key)) return { name: key, rate: 0, seen: { kind: 'opening' } };
  const job = await sources.kube.get(Job, { namespace, name: key });
  const seen = job && seeJob(sources, job, holds);
  if (seen?.name !== undefined) return seen;
  const [left] = podsLeft(sources, namespace, key);
  const uid = left && controllerOf(left)?.uid;
  if (uid !== undefined) return { uid, name: key, rate: 0, seen: seePods(podsOf(sources, uid), false) };
  // It may be under way again by now.
  const kind = sources.isOpening(namespace, key) ? 'opening' : 'gone';
  return { name: key, rate: 0, seen: { kind } };
}

/** Pods of a Job of that name that nobody has seen, and that is gone. */
const podsLeft = ({ pods, sandboxPods }: BudgetSources, namespace: string, name: string): Pod[] =>
  [pods, sandboxPods].flatMap((store) =>
    store.by('namespace', namespace).filter((pod) => controllerOf(pod)?.name === name),
  );

/** What the Pods of a Job take up. `mayFollow`: there may be one yet. */
function seePods(pods: readonly Pod[], mayFollow: boolean): Seen {
  const open = pods.filter((pod) => !isOver(pod));
  const placed = open.find(({ spec }) => spec?.nodeName !== undefined);
  if (placed) return { kind: 'running', since: timeOf(scheduledAt(placed)) };
  if (open.length > 0) return { kind: 'waiting' };
  const [last] = pods;
  if (last) return { kind: 'ended', since: timeOf(scheduledAt(last)), at: endOf(last) };
  return { kind: mayFollow ? 'waiting' : 'gone' };
}

const timeOf = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : Date.parse(time);

function endOf(pod: Pod): number | undefined {
  const ends = containerStatuses(pod).flatMap(({ state }) => timeOf(state?.terminated?.finishedAt) ?? []);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

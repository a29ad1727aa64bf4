/** Every read of the Sandbox controller. Reads come from the watch caches; what they cannot know is read live, and only when an action needs it. */
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import { bounded, identityOf, LABEL, sandboxJobName } from '../../crds/names.ts';
import { openAttempt } from '../../crds/attempts.ts';
import type { NamespaceRules } from '../../crds/namespace-rules.ts';
import { present } from '../../crds/present.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { ImageSeen } from '../../images/image.ts';
import { seeImage, type ImageSources } from '../../images/see.ts';
import { ConfigMap, Job } from '../../kube/kinds.ts';
import type { KubeClient, ObjectKey, Store } from '../../kube/types.ts';
import { isOwnedBy } from '../../pods/ownership.ts';
import { isActive, startsNoPod } from '../../pods/reading/job.ts';
import { seeJob, seePod, seeRefusal, type AttemptSources } from '../attempts/observe.ts';
import type { Budgets } from '../../budget/standing.ts';
import type { PoliciesSeen } from '../../pods/policies.ts';
import { endOf, needs } from './decide.ts';
import { badHosts } from './hosts.ts';
import { failuresOf, lastFailed, memberOf, numberOf, roomIn } from './pool.ts';
import { readPod, withoutPod } from './pod.ts';
import type { AttemptSeen, Answers, Candidate, Inputs, Member, Observed, PoolSeen } from './observed.ts';
import type { Takings } from './takings.ts';

export interface SandboxSources extends AttemptSources, Omit<ImageSources, 'filesOf'> {
  kube: KubeClient;
  sandboxes: Store<Sandbox>;
  /** Those that have the label `sandbox`, indexed by `owner` and by `pool`: namespace and label, as `poolIndex` writes it. */
  jobs: Store<Job>;
  policiesOf: (namespace: string) => PoliciesSeen;
  budgets: Budgets;
  takings: Takings;
  rulesOf: (namespace: string) => Promise<NamespaceRules>;
  now: () => Date;
}

/** Index of Jobs by the pool that they were made for, whoever has them now. */
export const poolIndex = ({ metadata }: Job): string[] => {
  const pool = metadata.labels?.[LABEL.pool];
  return pool === undefined ? [] : [`${metadata.namespace}/${pool}`];
};

const madeFor = ({ jobs }: SandboxSources, pool: Sandbox): Job[] => {
  const { namespace, name } = identityOf(pool);
  return jobs.by('pool', `${namespace}/${bounded(name)}`);
};

/** Everything that is known of a Sandbox that is no pool. */
export async function observe(sources: SandboxSources, sandbox: Sandbox): Promise<Observed> {
  const attempt = await seeAttempt(sources, sandbox);
  return { ...attempt, ...(await answers(sources, attempt)) };
}

async function seeAttempt(sources: SandboxSources, sandbox: Sandbox): Promise<AttemptSeen> {
  const { namespace, uid } = identityOf(sandbox);
  const recorded = openAttempt(sandbox);
  const number = recorded?.number ?? (sandbox.status?.attempts?.at(-1)?.number ?? 0) + 1;
  const own = sources.jobs.by('owner', uid).filter((job) => isOwnedBy(job, sandbox));
  const name = recorded?.jobName ?? nameOfNext(sandbox, number, own);
  // The status knows a Job that the cache does not, or still has as a pool's: only the API server can say whether it is gone.
  const job = await seeJob(sources, { owner: sandbox, name, live: recorded !== undefined });
  return {
    sandbox,
    number,
    job,
    others: own.filter(({ metadata }) => metadata.name !== name),
    policies: sources.policiesOf(namespace),
    budget: sources.budgets.of(namespace),
    now: sources.now(),
    ...(job.kind === 'own' && (await seePod(sources, job.job, LABEL.sandbox))),
    ...present({ recorded }),
  };
}

/** One that was taken is not on the record yet where the operator died between the two. */
function nameOfNext({ metadata, status }: Sandbox, number: number, own: readonly Job[]): string {
  const known = new Set(status?.attempts?.map(({ jobName: of }) => of));
  const taken = own.find(
    (job) => job.metadata.labels?.[LABEL.pool] !== undefined && !known.has(job.metadata.name),
  );
  return taken?.metadata.name ?? sandboxJobName(metadata.name, number);
}

async function answers(sources: SandboxSources, attempt: AttemptSeen): Promise<Answers> {
  const asked = needs(attempt);
  const { job } = attempt;
  switch (asked.need) {
    case 'nothing':
      return asked;
    case 'report':
      return {
        ...asked,
        ...present({
          refusal: job.kind === 'own' ? await seeRefusal(sources, { ...attempt, job: job.job }) : undefined,
        }),
      };
    case 'inputs':
      return { ...asked, inputs: await seeInputs(sources, attempt.sandbox) };
    default:
      return asked satisfies never;
  }
}

async function seeInputs(sources: SandboxSources, sandbox: Sandbox): Promise<Inputs> {
  const { poolRef } = sandbox.spec;
  if (!poolRef) return seeImageFor(sources, sandbox);
  const pool = await seePool(sources, { namespace: identityOf(sandbox).namespace, name: poolRef.name });
  if (!pool?.spec.pool)
    return {
      from: 'nothing',
      said: {
        reason: 'PoolNotFound',
        message: `poolRef.name: there is no Sandbox ${poolRef.name} with spec.pool in this namespace`,
      },
    };
  const candidates = await seeCandidates(sources, pool);
  if (candidates.length > 0) return { from: 'pool', candidates };
  return seeImageFor(sources, pool, { pool });
}

/** For a Pod that has the shape of that Sandbox or pool. */
async function seeImageFor(
  sources: SandboxSources,
  shape: Sandbox,
  more: { pool?: Sandbox } = {},
): Promise<Inputs> {
  const said = badHosts(shape.spec);
  return said ? { from: 'nothing', said } : { from: 'image', ...more, ...(await seeMaking(sources, shape)) };
}

/** Whoever makes both at once may have the other object seen first. */
const seePool = async ({ sandboxes, kube }: SandboxSources, key: ObjectKey): Promise<Sandbox | undefined> =>
  sandboxes.get(key) ?? (await kube.get(SandboxKind, key));

async function seeMaking(sources: SandboxSources, shape: Sandbox) {
  const { users } = await sources.rulesOf(identityOf(shape).namespace);
  return { image: await seeOwnImage(sources, shape), ...present({ users }) };
}

function seeOwnImage(sources: SandboxSources, { metadata, spec }: Sandbox): Promise<ImageSeen> {
  const filesOf = (configMap: ObjectKey) => sources.kube.get(ConfigMap, configMap);
  const { namespace = '', creationTimestamp: since = '' } = metadata;
  return seeImage({ ...sources, filesOf }, { namespace, environment: spec, field: 'spec', since });
}

/** More than are taken before the cache shows that; a pool may have thousands. */
const CANDIDATES = 100;

/** Pods of the pool that nobody has taken, and that can be used at once. */
async function seeCandidates(sources: SandboxSources, pool: Sandbox): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const job of sources.jobs.by('owner', identityOf(pool).uid)) {
    if (candidates.length === CANDIDATES) break;
    if (!isOwnedBy(job, pool) || startsNoPod(job)) continue;
    const { pod } = await seePod(sources, job, LABEL.sandbox);
    const reading = pod && pod.metadata.deletionTimestamp === undefined ? readPod(pod) : undefined;
    if (pod && reading?.kind === 'ready') candidates.push({ job, pod, startedAt: reading.startedAt });
  }
  return candidates.toSorted((a, b) => a.startedAt.localeCompare(b.startedAt));
}

/** Whether a pool's Jobs are to be counted at the API server where more are to be made, and what is told once they are. */
export interface PoolCount {
  isDue: boolean;
  counted: () => void;
}

/** Everything that is known of a pool. */
export async function observePool(
  sources: SandboxSources,
  sandbox: Sandbox,
  count: PoolCount,
): Promise<PoolSeen> {
  const { namespace, uid } = identityOf(sandbox);
  const now = sources.now();
  const burst = sources.takings.of(uid);
  const size = sandbox.spec.pool?.size ?? 0;
  const cached = madeFor(sources, sandbox);
  const known = await seeMembers(sources, sandbox, cached);
  const mayStart = (members: readonly Member[]): boolean =>
    sandbox.spec.operatingMode === 'Running' &&
    roomIn({ size, members, now, ...present({ burst }) }).room > 0;
  const isShort = mayStart(known);
  const jobs = isShort && count.isDue ? await counted(sources, sandbox, cached) : cached;
  if (jobs !== cached) count.counted();
  const members = jobs === cached ? known : await seeMembers(sources, sandbox, jobs);
  return {
    sandbox,
    members: await withRefusal(sources, members, now),
    failures: failuresOf(jobs.filter((job) => isOwnedBy(job, sandbox))),
    ...(members.every(({ waits }) => waits) && (await seeLastFailure(sources, jobs, sandbox))),
    highest: Math.max(0, ...[...cached, ...jobs].map(numberOf)),
    policies: sources.policiesOf(namespace),
    budget: sources.budgets.of(namespace),
    now,
    ...present({ burst }),
    ...(isShort && mayStart(members) && (await seeMaking(sources, sandbox))),
  };
}

const seeMembers = (sources: SandboxSources, pool: Sandbox, jobs: readonly Job[]): Promise<Member[]> =>
  Promise.all(
    unended(jobs, pool)
      .toSorted((a, b) => numberOf(a) - numberOf(b))
      .map(async (job) => memberOf(job, await seePod(sources, job, LABEL.sandbox))),
  );

/** The Job goes an hour after its end, and its Pod with it. */
async function seeLastFailure(
  sources: SandboxSources,
  jobs: readonly Job[],
  pool: Sandbox,
): Promise<Pick<PoolSeen, 'lastFailure'>> {
  const job = lastFailed(jobs, pool);
  const { pod } = job ? await seePod(sources, job, LABEL.sandbox) : {};
  return present({ lastFailure: pod && endOf(pod) });
}

/** Why the API server takes none of their Pods is asked of the first that has none: they are all alike. */
async function withRefusal(sources: SandboxSources, members: Member[], now: Date): Promise<Member[]> {
  const bare = members.find(({ pod, waits }) => !pod && waits?.reason === 'Pending');
  const words = bare && (await seeRefusal(sources, { job: bare.job, now }));
  return words === undefined
    ? members
    : members.map((member) =>
        member === bare ? { ...member, waits: refusedPod(member.job, words) } : member,
      );
}

const refusedPod = (job: Job, words: string) =>
  withoutPod({ words, ...present({ rendered: job.spec?.template.spec }) });

const unended = (jobs: readonly Job[], pool: Sandbox): Job[] =>
  jobs.filter((job) => isOwnedBy(job, pool) && isActive(job));

/** Those that were made for a pool: the ones that nobody has taken, as the API server has them, and of the others, as the cache does. */
async function counted({ kube }: SandboxSources, pool: Sandbox, cached: readonly Job[]): Promise<Job[]> {
  const { namespace, name } = identityOf(pool);
  const [its, label] = [`${LABEL.pool}=${bounded(name)}`, `${LABEL.sandbox}=${bounded(name)}`];
  const free = await kube.list(Job, { namespace, labelSelector: `${its},${label}` });
  return [...free, ...cached.filter((job) => !isOwnedBy(job, pool))];
}

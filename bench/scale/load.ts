/** One load on one way of running Jobs: when what happened, what it cost, and what it wrote. */
import { setTimeout as wait } from 'node:timers/promises';
import { inParallel } from '../../src/async/in-parallel.ts';
import type { Condition } from '../../src/crds/conditions.ts';
import type { Job, Pod } from '../../src/kube/kinds.ts';
import type { WatchedStore } from '../../src/kube/operator.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import { kubectlOk } from '../../test/support/cluster.ts';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import type { World } from '../../test/e2e/support/world.ts';
import { percentile, summary } from '../support/figures.ts';
import { revisionOf, startTicks, timed } from '../support/revisions.ts';
import { cpuOf, difference, etcdPage, parseMetrics, type Sample } from '../support/metrics.ts';

/** A way to run Jobs. The Job of `name` is called `<name>-1`. */
export interface Way {
  create: (name: string) => Promise<unknown>;
  /** What a Job is made for; without it a Job is all there is. */
  trials?: WatchedStore<KubeObject & { status?: { conditions?: Condition[] } }>;
  /** What the processes say of themselves that do this, by what they are. */
  metrics: () => Promise<Record<string, Sample[]>>;
}

/** How Trials come: as fast as the API server takes them, or so many a second. */
export interface Load {
  prefix: string;
  count: number;
  aSecond?: number;
}

type Marks = Partial<Record<'created' | 'job' | 'podEnded' | 'terminal', number>>;

/** Requests of ours under way at once. */
const WIDTH = 20;
const LIMIT_SECONDS = 3600;

const conditionOf = (
  { status }: { status?: { conditions?: { type: string; status: string }[] } },
  ...types: string[]
) => status?.conditions?.find(({ type }) => types.includes(type));

const isOver = (job: Job): boolean => conditionOf(job, 'Complete', 'Failed')?.status === 'True';
const hasEnded = ({ status }: Pod): boolean =>
  status?.initContainerStatuses?.find(({ name }) => name === CONTAINERS.courier)?.state?.terminated !==
  undefined;

const madeFor = (job: string): string => job.replace(/-1$/, '');

/** Notes when each of `names` came to each mark first: when a watch told of it, and at which revision it did. */
function stopwatch({ jobs, pods, namespace }: World, { trials }: Way, names: string[]) {
  const none = (): Map<string, Marks> => new Map(names.map((name) => [name, {}]));
  const [marks, revisions] = [none(), none()];
  const over = new Set<string>();
  const note = (name: string, mark: keyof Marks, object: KubeObject): void => {
    const [told, changed] = [marks.get(name), revisions.get(name)];
    if (!told || !changed) return;
    told[mark] ??= performance.now();
    changed[mark] ??= revisionOf(object);
  };
  // A namespace that is going may hold the same names.
  const isOurs = ({ metadata }: KubeObject): boolean => metadata.namespace === namespace;
  const ends = [
    trials?.subscribe(({ object }) => {
      if (!isOurs(object)) return;
      note(object.metadata.name, 'created', object);
      if ((conditionOf(object, 'Succeeded')?.status ?? 'Unknown') !== 'Unknown')
        note(object.metadata.name, 'terminal', object);
    }),
    jobs.subscribe(({ object }) => {
      if (!isOurs(object)) return;
      const name = madeFor(object.metadata.name);
      note(name, 'job', object);
      if (marks.has(name) && isOver(object)) over.add(name);
    }),
    pods.subscribe(({ object }) => {
      const job = object.metadata.labels?.['batch.kubernetes.io/job-name'];
      if (job !== undefined && isOurs(object) && hasEnded(object)) note(madeFor(job), 'podEnded', object);
    }),
  ];
  return { marks, revisions, over, stop: () => ends.forEach((end) => end?.()) };
}

async function submit(way: Way, { aSecond }: Load, names: string[]): Promise<void> {
  if (aSecond === undefined) {
    await inParallel(names, way.create, { width: WIDTH });
    return;
  }
  const began = performance.now();
  const due = (index: number): number => began + (index * 1000) / aSecond - performance.now();
  await Promise.all(
    names.map(async (name, index) => {
      await wait(Math.max(0, due(index)));
      await way.create(name);
    }),
  );
}

/** Counts of `metric` by these labels. */
function counts(samples: Sample[], metric: string, by: string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { name, labels, value } of samples) {
    if (name !== metric) continue;
    const key = by.map((label) => labels[label] ?? '').join(' ');
    found[key] = (found[key] ?? 0) + value;
  }
  return found;
}

type Pages = Record<string, Sample[]>;

const serverPage = async (): Promise<Sample[]> => parseMetrics(await kubectlOk(['get', '--raw', '/metrics']));

/** What all say of themselves: the API server last before a load and first after it, so that it has not paid for our asking the others. */
async function pages(
  { metrics }: Way,
  asked: 'before' | 'after',
): Promise<{ apiServer: Sample[]; own: Pages }> {
  if (asked === 'before') {
    const own = await metrics();
    return { own, apiServer: await serverPage() };
  }
  const apiServer = await serverPage();
  return { apiServer, own: await metrics() };
}

/** Of etcd: how many keys were written and deleted, how many bytes that were, and how many are in use. */
const ETCD = {
  puts: 'etcd_mvcc_put_total',
  deletes: 'etcd_mvcc_delete_total',
  putBytes: 'etcd_debugging_mvcc_total_put_size_in_bytes',
  inUseBytes: 'etcd_mvcc_db_total_size_in_use_in_bytes',
};

async function etcdUsage(): Promise<Record<string, number>> {
  const samples = await etcdPage();
  const valueOf = (metric: string): number => samples.find(({ name }) => name === metric)?.value ?? NaN;
  return Object.fromEntries(Object.entries(ETCD).map(([what, metric]) => [what, valueOf(metric)]));
}

/** Processor seconds by process, calls at the API server by what they were, and calls of each process by method and answer. */
async function usage(way: Way, asked: 'before' | 'after') {
  const { apiServer, own } = await pages(way, asked);
  const etcd = await etcdUsage();
  const processes = Object.entries({ apiServer, ...own });
  return {
    etcd,
    cpu: Object.fromEntries(processes.map(([name, samples]) => [name, cpuOf(samples)])),
    calls: counts(apiServer, 'apiserver_request_total', ['verb', 'resource', 'subresource']),
    own: Object.fromEntries(
      Object.entries(own).map(([name, samples]) => [
        name,
        counts(samples, 'rest_client_requests_total', ['method', 'code']),
      ]),
    ),
  };
}

type Usage = Awaited<ReturnType<typeof usage>>;

const spent = (after: Usage, before: Usage) => ({
  etcd: difference(after.etcd, before.etcd),
  cpu: difference(after.cpu, before.cpu),
  calls: difference(after.calls, before.calls),
  own: Object.fromEntries(
    Object.entries(after.own).map(([name, calls]) => [name, difference(calls, before.own[name] ?? {})]),
  ),
});

const sum = (of: Record<string, number>, counted: (key: string) => boolean): number =>
  Object.entries(of).reduce((total, [key, value]) => total + (counted(key) ? value : 0), 0);

const isWatch = (key: string): boolean => /^(WATCH|CONNECT) /.test(key);
const isWrite = (key: string): boolean => /^(POST|PUT|PATCH|DELETE) /.test(key);

/** Milliseconds between two marks, of every name that has both. */
const between = (marks: Marks[], from: keyof Marks, to: keyof Marks): number[] =>
  marks.flatMap((found) => {
    const [start, end] = [found[from], found[to]];
    return start === undefined || end === undefined ? [] : [end - start];
  });

/** From the first creation to the last Job that is over: what API server and controllers spend is that of the whole life. */
export async function run(world: World, way: Way, load: Load) {
  const names = Array.from({ length: load.count }, (_, index) => `${load.prefix}-${index}`);
  const watch = stopwatch(world, way, names);
  const last = way.trials ? 'terminal' : 'podEnded';
  // A burst is about the whole of it, and pays for no ticks.
  const ticking = load.aSecond === undefined ? undefined : startTicks(world);
  const before = await usage(way, 'before');
  const began = performance.now();
  await submit(way, load, names);
  const told = [...watch.marks.values()];
  const isDone = (): boolean =>
    watch.over.size === load.count && told.every((found) => found[last] !== undefined);
  await eventuallyTrue(`all of ${load.prefix} ended`, isDone, LIMIT_SECONDS);
  watch.stop();
  const ticks = await ticking?.stop();
  const marks = ticks ? [...watch.revisions.values()].map((found) => timed(found, ticks)) : told;
  const { cpu, calls, own, etcd } = spent(await usage(way, 'after'), before);
  const tookMs = percentile(
    marks.map((found) => found[last]! - began),
    1,
  );
  return {
    ...load,
    tookMs,
    perSecond: (load.count * 1000) / tookMs,
    cpuPer1000: Object.fromEntries(
      Object.entries(cpu).map(([name, seconds]) => [name, (seconds * 1000) / load.count]),
    ),
    callsPerTrial: sum(calls, (key) => !isWatch(key)) / load.count,
    writesPerTrial: Object.fromEntries(
      Object.entries(own).map(([name, made]) => [name, sum(made, isWrite) / load.count]),
    ),
    toJob: summary(between(marks, 'created', 'job')),
    toEnd: summary(between(marks, 'podEnded', 'terminal')),
    etcdPerTrial: Object.fromEntries(Object.entries(etcd).map(([what, value]) => [what, value / load.count])),
    calls,
    own,
    marks: marks.map((found) =>
      Object.fromEntries(
        Object.entries(found).map(([mark, at]: [string, number]) => [mark, Math.round(at - began)]),
      ),
    ),
  };
}

export type Measured = Awaited<ReturnType<typeof run>>;

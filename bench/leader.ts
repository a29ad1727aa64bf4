/** A leader that goes in the middle of a burst: killed, and told to stop; and told to stop while Trials come one after another. `LEADER`: how many Trials. */
import { setTimeout as wait } from 'node:timers/promises';
import { inParallel } from '../src/async/in-parallel.ts';
import { OPERATOR, podOfHolder } from '../src/installation/names.ts';
import { killOperator, leader, operatorIsWell } from '../test/e2e/support/faults.ts';
import type { World } from '../test/e2e/support/world.ts';
import { compareVersions } from '../src/kube/cache/versions.ts';
import { Lease, Pod } from '../src/kube/kinds.ts';
import type { KubeObject } from '../src/kube/types.ts';
import { kubectlOk } from '../test/support/cluster.ts';
import { eventually, eventuallyTrue } from '../test/support/eventually.ts';
import { atMost, type Bench, type Figure } from './support/bench.ts';
import { seconds } from './support/figures.ts';
import { PLACING, startNodes } from './scale/nodes.ts';
import { allEnd, createTrial, makeTask } from './support/trials.ts';

const MANY = Number(process.env['LEADER'] ?? 500);
const WIDTH = 20;
/** So many have a Job when the leader goes. */
const MIDDLE = 0.3;
const TIMES = { startMs: 100, runMs: 2000 };
const LOOK_MS = 50;

interface Way {
  how: string;
  go: (world: World, leader: string) => Promise<unknown>;
  limitMs: number;
  /** Trials created a second; as many as the API server takes where it is not given. */
  aSecond?: number;
}

const stopLeader: Way['go'] = ({ kube }, holder) =>
  kube.delete(Pod, { namespace: OPERATOR.namespace, name: podOfHolder(holder) });

const WAYS: Way[] = [
  { how: 'killed', go: () => killOperator('the leader'), limitMs: 20_000 },
  { how: 'told to stop', go: stopLeader, limitMs: 2000 },
  { how: 'told to stop at 10 a second', go: stopLeader, limitMs: 2000, aSecond: 10 },
];

interface Heard {
  at: number;
  version: string | undefined;
}

const heard = ({ metadata }: KubeObject): Heard => ({
  at: performance.now(),
  version: metadata.resourceVersion,
});

/** When each Job was heard of, and which there are, by the Trial's name; and when anything was that operators do: to Jobs or in the status of Trials. */
function watchWork({ jobs, trials, namespace }: World, prefix: string) {
  const made: Heard[] = [];
  const done: Heard[] = [];
  const uids = new Map<string, Set<string>>();
  const isOurs = ({ metadata }: KubeObject): boolean =>
    metadata.namespace === namespace && metadata.name.startsWith(prefix);
  const unsubscribe = jobs.subscribe(({ type, object }) => {
    if (type !== 'added' || !isOurs(object)) return;
    made.push(heard(object));
    done.push(heard(object));
    const name = object.metadata.name.replace(/-\d+$/, '');
    uids.set(name, (uids.get(name) ?? new Set()).add(object.metadata.uid ?? ''));
  });
  const unsubscribeTrials = trials.subscribe(({ type, object }) => {
    if (type === 'modified' && isOurs(object)) done.push(heard(object));
  });
  const stop = (): void => [unsubscribe, unsubscribeTrials].forEach((end) => end());
  return { made, done, uids, stop };
}

/** Resolves to when somebody else had the lease, by looking again and again. */
async function succession({ kube }: World, before: string): Promise<Heard> {
  for (; ; await wait(LOOK_MS)) {
    const lease = await kube.get(Lease, OPERATOR);
    const holder = lease?.spec?.holderIdentity || before;
    if (lease && holder !== before) return heard(lease);
  }
}

/** The log of a replica, as it is or from now on until it ends. */
const logOf = (holder: string, ...how: string[]): Promise<string> =>
  kubectlOk(['-n', OPERATOR.namespace, 'logs', ...how, podOfHolder(holder)]);

/** When a replica said `message` last, in epoch milliseconds. */
function saidAt(log: string, message: string): number | undefined {
  const line = log.split('\n').findLast((one) => one.includes(`"msg":"${message}"`));
  return line === undefined ? undefined : (JSON.parse(line) as { time: number }).time;
}

/** Creates all, each at its time. */
function createAll(world: World, names: string[], aSecond = Infinity): Promise<unknown> {
  const began = performance.now();
  const create = async ([index, name]: [number, string]): Promise<void> => {
    await wait(Math.max(0, began + (index * 1000) / aSecond - performance.now()));
    await createTrial(world, name, { scheduling: PLACING });
  };
  return inParallel([...names.entries()], create, { width: WIDTH });
}

async function burst(world: World, { how, go, aSecond }: Way) {
  await operatorIsWell();
  const prefix = how.replaceAll(' ', '-');
  const names = Array.from({ length: MANY }, (_, index) => `${prefix}-${index}`);
  const watch = watchWork(world, prefix);
  const created = createAll(world, names, aSecond);
  await eventuallyTrue('the burst is in its middle', () => watch.made.length >= MANY * MIDDLE, 300);
  const before = (await leader()) ?? '';
  // Of one that is killed nothing comes.
  const last = logOf(before, '--follow', '--tail=0').catch(() => '');
  const wentAt = performance.now();
  const wentEpoch = Date.now();
  const [held] = await Promise.all([succession(world, before), go(world, before)]);
  // What the leader before did last may be heard of later than that.
  const isAfter = ({ version }: Heard): boolean => compareVersions(version, held.version) > 0;
  const firstAfter = (all: Heard[]): number | undefined => all.find(isAfter)?.at;
  const lastAt = watch.done.findLast((one) => !isAfter(one))?.at ?? held.at;
  const workAt = await eventually('work by the next leader', () => firstAfter(watch.done), 120);
  const nextAt = await eventually('a Job by the next leader', () => firstAfter(watch.made), 120);
  await created;
  await allEnd(world, names);
  watch.stop();
  const twice = [...watch.uids].filter(([, { size }]) => size > 1).map(([name]) => name);
  const left = watch.made.filter(isAfter).length;
  const [heldMs, workMs, nextMs] = [held.at, workAt, nextAt].map((at) => at - wentAt) as [
    number,
    number,
    number,
  ];
  const begun = saidAt(await logOf((await leader()) ?? ''), 'controllers have begun') ?? NaN;
  const [toldMs, begunMs] = [(saidAt(await last, 'stopping') ?? wentEpoch) - wentEpoch, begun - wentEpoch];
  return { how, toldMs, heldMs, begunMs, workMs, nextMs, idleMs: workAt - lastAt, left, twice };
}

type Measured = Awaited<ReturnType<typeof burst>>;

function figuresOf({
  how,
  toldMs,
  heldMs,
  begunMs,
  workMs,
  nextMs,
  idleMs,
  left,
  twice,
}: Measured): Figure[] {
  const limit = WAYS.find((way) => way.how === how)!.limitMs;
  // What the API server and the kubelet take to tell the leader is not its time.
  const since = (ms: number): string => seconds(ms - toldMs);
  return [
    { name: `${how}: the leader is told after`, value: seconds(toldMs) },
    { name: `${how}, since then: another has the lease after`, value: since(heldMs) },
    atMost(`${how}: its controllers begin after`, begunMs - toldMs, { is: limit, say: seconds }),
    { name: `${how}: another’s first write is there after`, value: since(workMs) },
    { name: `${how}: its first Job is there after`, value: since(nextMs) },
    { name: `${how}: nothing was done for`, value: seconds(idleMs) },
    { name: `${how}: Trials that had no Job then`, value: `${left} of ${MANY}` },
    atMost(`${how}: Trials with more than one Job`, twice.length, { is: 0, say: String }),
  ];
}

export const leaderGoes: Bench = {
  needs: 'cluster',
  async run(world) {
    await using _ = await startNodes(TIMES);
    await makeTask(world);
    await createTrial(world, 'warm', { scheduling: PLACING });
    await allEnd(world, ['warm']);
    const measured: Measured[] = [];
    for (const way of WAYS) measured.push(await burst(world, way));
    // `allEnd` throws where one was lost.
    const lost = { name: 'Trials lost', value: '0', target: '≤ 0', met: true };
    return { figures: [...measured.flatMap(figuresOf), lost], raw: { many: MANY, times: TIMES, measured } };
  },
};

/** A leader that goes in the middle of a burst: killed, and told to stop. `LEADER`: how many Trials. */
import { setTimeout as wait } from 'node:timers/promises';
import { inParallel } from '../src/async/in-parallel.ts';
import { OPERATOR, podOfHolder } from '../src/installation/names.ts';
import { killOperator, leader, operatorIsWell } from '../test/e2e/support/faults.ts';
import type { World } from '../test/e2e/support/world.ts';
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

const stopLeader = async (): Promise<unknown> =>
  kubectlOk(['delete', 'pod', '--wait=false', '-n', OPERATOR.namespace, podOfHolder((await leader()) ?? '')]);

const WAYS: { how: string; go: () => Promise<unknown>; limitMs: number }[] = [
  { how: 'killed', go: () => killOperator('the leader'), limitMs: 20_000 },
  { how: 'told to stop', go: stopLeader, limitMs: 2000 },
];

/** When each Job was heard of, and which there are, by the Trial's name. */
function watchJobs({ jobs, namespace }: World, prefix: string) {
  const times: number[] = [];
  const uids = new Map<string, Set<string>>();
  const stop = jobs.subscribe(({ type, object: { metadata } }) => {
    if (type !== 'added' || metadata.namespace !== namespace || !metadata.name.startsWith(prefix)) return;
    times.push(performance.now());
    const name = metadata.name.replace(/-\d+$/, '');
    uids.set(name, (uids.get(name) ?? new Set()).add(metadata.uid ?? ''));
  });
  return { times, uids, stop };
}

/** Resolves to when somebody else had the lease, by looking again and again. */
async function successorAt(before: string): Promise<number> {
  for (let now = before; now === before || now === ''; await wait(LOOK_MS)) now = (await leader()) ?? '';
  return performance.now();
}

async function burst(world: World, { how, go }: (typeof WAYS)[number]) {
  await operatorIsWell();
  const prefix = how.replaceAll(' ', '-');
  const names = Array.from({ length: MANY }, (_, index) => `${prefix}-${index}`);
  const watch = watchJobs(world, prefix);
  const create = (name: string) => createTrial(world, name, { scheduling: PLACING });
  const created = inParallel(names, create, { width: WIDTH });
  await eventuallyTrue('the burst is in its middle', () => watch.times.length >= MANY * MIDDLE, 300);
  const before = (await leader()) ?? '';
  const wentAt = performance.now();
  const [heldAt] = await Promise.all([successorAt(before), go()]);
  const nextAt = await eventually(
    'a Job by the next leader',
    () => watch.times.find((at) => at > heldAt),
    120,
  );
  await created;
  await allEnd(world, names);
  watch.stop();
  const twice = [...watch.uids].filter(([, { size }]) => size > 1).map(([name]) => name);
  const left = watch.times.filter((at) => at > heldAt).length;
  return { how, heldMs: heldAt - wentAt, nextMs: nextAt - wentAt, left, twice };
}

type Measured = Awaited<ReturnType<typeof burst>>;

function figuresOf({ how, heldMs, nextMs, left, twice }: Measured): Figure[] {
  const limit = WAYS.find((way) => way.how === how)!.limitMs;
  return [
    { name: `${how}: another has the lease after`, value: seconds(heldMs) },
    atMost(`${how}: another makes a Job after`, nextMs, { is: limit, say: seconds }),
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

/** A Trial of one tenant while another has thousands that wait. `TENANTS`: how many. */
import { setTimeout as wait } from 'node:timers/promises';
import { inParallel } from '../src/async/in-parallel.ts';
import { LABEL } from '../src/crds/names.ts';
import type { KubeObject } from '../src/kube/types.ts';
import type { World } from '../test/e2e/support/world.ts';
import { eventuallyTrue } from '../test/support/eventually.ts';
import { atMost, type Bench, type Figure } from './support/bench.ts';
import { ms, percentile, seconds, summary } from './support/figures.ts';
import { revisionOf, startTicks, timeOf } from './support/revisions.ts';
import { allEnd, createTrial, makeTask } from './support/trials.ts';
import { PLACING, startNodes } from './scale/nodes.ts';
import { withoutOperator } from './scale/ways.ts';

const MANY = Number(process.env['TENANTS'] ?? 2000);
/** Requests of ours under way at once. */
const WIDTH = 20;
const EVERY_MS = 1000;
const MOST = 120;
const LIMIT_MS = 600_000;
const TIMES = { startMs: 100, runMs: 2000 };

const place = { scheduling: PLACING };

/** A tenant of its own. */
const tenantOf = async (world: World): Promise<World> => ({
  ...world,
  namespace: await world.makeNamespace(),
});

/** Jobs of a namespace by their Trials, each with the revision at which it was made. */
function watchJobs({ jobs }: World, namespace: string): { made: Map<string, number>; stop: () => void } {
  const made = new Map<string, number>();
  const stop = jobs.subscribe(({ object }: { object: KubeObject }) => {
    const trial = object.metadata.labels?.[LABEL.trial] ?? '';
    if (object.metadata.namespace === namespace && !made.has(trial)) made.set(trial, revisionOf(object));
  });
  return { made, stop };
}

/** One Trial of the other tenant after another, for as long as some of the many have no Job. */
async function meanwhile(world: World, waiting: () => number) {
  const ticking = startTicks(world);
  const { made, stop } = watchJobs(world, world.namespace);
  const waited: number[] = [];
  const created = new Map<string, number>();
  const until = performance.now() + LIMIT_MS;
  while (waiting() > 0 && created.size < MOST && performance.now() < until) {
    const name = `one-${created.size}`;
    waited.push(waiting());
    created.set(name, revisionOf(await createTrial(world, name, place)));
    await wait(EVERY_MS);
  }
  const all = [...created];
  await eventuallyTrue('all have a Job', () => all.every(([name]) => made.has(name)), LIMIT_MS / 1000);
  stop();
  const ticks = await ticking.stop();
  const toJob = all.map(([name, revision]) => timeOf(ticks, made.get(name)!) - timeOf(ticks, revision));
  return { waited, toJob };
}

async function measure(world: World) {
  await using _ = await startNodes(TIMES);
  const many = await tenantOf(world);
  for (const tenant of [many, world]) {
    await makeTask(tenant);
    await createTrial(tenant, 'warm', place);
    await allEnd(tenant, ['warm']);
  }
  const names = Array.from({ length: MANY }, (__, index) => `many-${index}`);
  const { made, stop } = watchJobs(world, many.namespace);
  const left = (): number => names.filter((name) => !made.has(name)).length;
  // They wait for an operator that is away, so that all of them do at once.
  await withoutOperator(() => inParallel(names, (name) => createTrial(many, name, place), { width: WIDTH }));
  const began = performance.now();
  const measured = await meanwhile(world, left);
  stop();
  return { ...measured, tookMs: performance.now() - began, left: left() };
}

function figures({ toJob, waited, tookMs, left }: Awaited<ReturnType<typeof measure>>): Figure[] {
  const what = `another tenant’s ${MANY} wait`;
  return [
    { name: 'a tenant’s Trials meanwhile', value: String(waited.length) },
    { name: 'the other’s that still waited, median', value: String(percentile(waited, 0.5)) },
    { name: `created → Job created, p50, ${what}`, value: ms(percentile(toJob, 0.5)) },
    atMost(`created → Job created, p99, ${what}`, percentile(toJob, 0.99), { is: 2000, say: ms }),
    { name: 'Jobs of the other a second', value: (((MANY - left) * 1000) / tookMs).toFixed(1) },
    { name: 'for so long', value: seconds(tookMs) },
  ];
}

export const tenants: Bench = {
  needs: 'cluster',
  async run(world) {
    const measured = await measure(world);
    const summed = summary(measured.toJob);
    return { figures: figures(measured), raw: { many: MANY, times: TIMES, ...measured, summed } };
  },
};

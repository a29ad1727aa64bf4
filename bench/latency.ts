/** How fast the operator reacts, and what it writes: to Trials one by one, and to a hundred at once. */
import { setTimeout as wait } from 'node:timers/promises';
import { Event } from '../src/kube/kinds.ts';
import type { World } from '../test/e2e/support/world.ts';
import { atMost, type Bench, type BenchResult, type Figure } from './support/bench.ts';
import { ms, percentile, seconds, summary } from './support/figures.ts';
import { cpuSeconds, difference, operatorWrites } from './support/metrics.ts';
import { allEnd, between, createTrial, makeTask, stopwatch, type Marks } from './support/trials.ts';

const ALONE = 20;
const BURST = 100;

/** Events about Trials that the operator wrote, by Trial. */
async function eventsPerTrial({ kube, namespace }: World, trials: number): Promise<number> {
  const events = await kube.list(Event, { namespace });
  const own = events.filter(
    ({ source, involvedObject }) => source?.component === 'sb-operator' && involvedObject.kind === 'Trial',
  );
  return own.length / trials;
}

/** Which Trials come, and how. */
interface Load {
  prefix: string;
  count: number;
  start: (names: string[]) => Promise<void>;
}

async function measure(world: World, { prefix, count, start }: Load) {
  await makeTask(world);
  await createTrial(world, `${prefix}-warm`);
  await allEnd(world, [`${prefix}-warm`]);
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const watch = stopwatch(world);
  const before = await operatorWrites();
  const cpuBefore = await cpuSeconds();
  const began = performance.now();
  await start(names);
  await allEnd(world, names);
  const tookMs = performance.now() - began;
  // What the operator still has to say.
  await wait(2000);
  const writes = difference(await operatorWrites(), before);
  const cpu = difference(await cpuSeconds(), cpuBefore);
  watch.stop();
  const marks = names.map((name): Marks => watch.marks.get(name) ?? {});
  return { tookMs, marks, writes, cpu, events: await eventsPerTrial(world, count + 1) };
}

type Measured = Awaited<ReturnType<typeof measure>>;

function figures({ marks, writes, cpu, events, tookMs }: Measured, what: string): BenchResult {
  const toJob = between(marks, 'created', 'job');
  const toEnd = between(marks, 'podEnded', 'terminal');
  const changes = marks.map((found) => found.changes ?? 0);
  const perTrial = Object.values(writes).reduce((sum, count) => sum + count, 0) / marks.length;
  return {
    figures: [
      atMost(`created → Job created, p50, ${what}`, percentile(toJob, 0.5), { is: 50, say: ms }),
      atMost(`created → Job created, p99, ${what}`, percentile(toJob, 0.99), { is: 500, say: ms }),
      atMost(`courier ended → terminal, p99, ${what}`, percentile(toEnd, 0.99), { is: 1000, say: ms }),
      atMost(`API writes per Trial, ${what}`, perTrial, { is: 3, say: (value) => value.toFixed(2) }),
      { name: `changes of a Trial seen by a watch, most, ${what}`, value: String(percentile(changes, 1)) },
      { name: `events per Trial, ${what}`, value: events.toFixed(2) },
      { name: `all ended, ${what}`, value: seconds(tookMs) },
    ],
    raw: { tookMs, writes, cpu, events, toJob: summary(toJob), toEnd: summary(toEnd), marks },
  };
}

/** What all replicas of the operator cost, beside what they make work for. */
function shareOf({ cpu }: Measured, what: string): Figure {
  const { operator = NaN, apiServer = NaN, kubelets = NaN } = cpu;
  const share = operator / (apiServer + kubelets);
  return atMost(`CPU of the operator ÷ API server and kubelets, ${what}`, share, {
    is: 0.25,
    say: (value) => value.toFixed(2),
  });
}

/** The operator is idle whenever a Trial comes. */
export const single: Bench = {
  needs: 'cluster',
  run: async (world) => {
    const start = async (names: string[]): Promise<void> => {
      for (const name of names) {
        await createTrial(world, name);
        await allEnd(world, [name]);
      }
    };
    return figures(await measure(world, { prefix: 'alone', count: ALONE, start }), `${ALONE} one by one`);
  },
};

/** All Trials come as fast as the API server takes them. */
export const burst: Bench = {
  needs: 'cluster',
  run: async (world) => {
    const start = async (names: string[]): Promise<void> => {
      await Promise.all(names.map((name) => createTrial(world, name)));
    };
    const measured = await measure(world, { prefix: 'burst', count: BURST, start });
    const { figures: found, raw } = figures(measured, `${BURST} at once`);
    return { figures: [...found, shareOf(measured, `${BURST} at once`)], raw };
  },
};

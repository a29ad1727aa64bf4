/** One Trial a second, each gone soon after its end, while replicas are killed at first: what grows in the operator? `SOAK_MINUTES`: for how long. */
import { setTimeout as wait } from 'node:timers/promises';
import { killReplicas, operatorIsWell, operatorPods } from '../test/e2e/support/faults.ts';
import type { World } from '../test/e2e/support/world.ts';
import { eventuallyTrue } from '../test/support/eventually.ts';
import { metricsOf } from '../test/support/operator-metrics.ts';
import { PLACING, startNodes } from './scale/nodes.ts';
import type { Bench, Figure } from './support/bench.ts';
import { percentile } from './support/figures.ts';
import { leader, parseMetrics, type Sample } from './support/metrics.ts';
import { allEnd, createTrial, isTerminal, makeTask } from './support/trials.ts';

const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 6);
const LOOK_MS = 10_000;
/** At most one a minute, in the first third. */
const KILL_MS = 60_000;
const TTL_SECONDS = 60;
const TIMES = { startMs: 100, runMs: 2000 };
const FLAT = 1.1;

const sumOf = (samples: Sample[], name: string, labels: Sample['labels'] = {}): number =>
  samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);

/** What the leader says of itself. */
const SERIES: Record<string, (samples: Sample[]) => number> = {
  'RSS, MiB': (samples) => sumOf(samples, 'process_resident_memory_bytes') / 1024 ** 2,
  'heap in use, MiB': (samples) => sumOf(samples, 'nodejs_heap_size_used_bytes') / 1024 ** 2,
  'open files': (samples) => sumOf(samples, 'process_open_fds'),
  handles: (samples) => sumOf(samples, 'nodejs_active_handles_total'),
  sockets: (samples) => sumOf(samples, 'nodejs_active_resources', { type: 'TCPSocketWrap' }),
  timers: (samples) => sumOf(samples, 'nodejs_active_resources', { type: 'Timeout' }),
  'keys that wait': (samples) => sumOf(samples, 'workqueue_depth'),
};

interface Look {
  atMs: number;
  pod: string;
  values: Record<string, number>;
}

async function look(began: number): Promise<Look> {
  const pod = await leader();
  const samples = parseMetrics(await metricsOf(pod));
  const values = Object.entries(SERIES).map(([name, of]) => [name, of(samples)]);
  return { atMs: performance.now() - began, pod, values: Object.fromEntries(values) };
}

/** Now and then until `endMs`; what fails while a replica is missing is left out. */
async function every(ms: number, end: number, work: () => Promise<unknown>): Promise<void> {
  while (performance.now() + ms < end) {
    await wait(ms);
    await work().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  }
}

async function load(world: World, end: number): Promise<{ created: number; ended: number }> {
  const ended = new Set<string>();
  const stop = world.trials.subscribe(({ object }) => {
    if (object.metadata.namespace === world.namespace && isTerminal(object)) ended.add(object.metadata.name);
  });
  const spec = { scheduling: PLACING, ttlSecondsAfterFinished: TTL_SECONDS };
  let created = 0;
  for (; performance.now() < end; created++)
    await Promise.all([wait(1000), createTrial(world, `soak-${created}`, spec)]);
  await eventuallyTrue('every Trial ended', () => ended.size >= created, 300);
  stop();
  return { created, ended: ended.size };
}

/** The leader, then the other, then the leader … */
async function kill(times: { kills: number }): Promise<void> {
  await operatorIsWell();
  const first = await leader();
  const isDue = (name: string): boolean => (name === first) === (times.kills % 2 === 0);
  await killReplicas((await operatorPods()).filter(({ metadata }) => isDue(metadata.name)));
  times.kills += 1;
}

async function soakFor(world: World) {
  await using _ = await startNodes(TIMES);
  await makeTask(world);
  await createTrial(world, 'warm', { scheduling: PLACING });
  await allEnd(world, ['warm']);
  const began = performance.now();
  const end = began + MINUTES * 60_000;
  const looks: Look[] = [];
  const times = { kills: 0 };
  const [counts] = await Promise.all([
    load(world, end),
    every(LOOK_MS, end, async () => looks.push(await look(began))),
    every(Math.min(KILL_MS, (MINUTES * 60_000) / 7), began + (MINUTES * 60_000) / 3, () => kill(times)),
  ]);
  return { ...counts, ...times, looks };
}

function figures({ created, ended, kills, looks }: Awaited<ReturnType<typeof soakFor>>): Figure[] {
  const third = (MINUTES * 60_000) / 3;
  const medianOf = (name: string, part: number): number => {
    const values = looks.filter(({ atMs }) => Math.floor(atMs / third) === part);
    return percentile(
      values.map(({ values: found }) => found[name] ?? NaN),
      0.5,
    );
  };
  const what = `${MINUTES} min, median of the last third; of the middle one`;
  const series = Object.keys(SERIES).map((name): Figure => {
    const [middle, last] = [medianOf(name, 1), medianOf(name, 2)];
    return {
      name: `${name}, ${what}`,
      value: `${last.toFixed(1)}; ${middle.toFixed(1)}`,
      target: `≤ ${FLAT} ×`,
      met: last <= middle * FLAT,
    };
  });
  return [
    {
      name: 'Trials made; lost',
      value: `${created}; ${created - ended}`,
      target: '0 lost',
      met: ended >= created,
    },
    { name: 'replicas killed', value: String(kills) },
    ...series,
  ];
}

export const soak: Bench = {
  needs: 'cluster',
  async run(world) {
    const measured = await soakFor(world);
    return { figures: figures(measured), raw: { minutes: MINUTES, times: TIMES, ...measured } };
  },
};

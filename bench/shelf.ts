/** What an operator holds of many Trials, nearly all of which have ended, and how soon it works again when it is started among them. `SHELF`: how many. */
import { setTimeout as wait } from 'node:timers/promises';
import { Trial as TrialKind } from '../src/crds/kinds.ts';
import { WatchingOperator } from '../src/controllers/watched.ts';
import { Job as JobKind, Pod as PodKind } from '../src/kube/kinds.ts';
import type { Resource } from '../src/kube/http/paths.ts';
import { ApiServer, type Stored } from '../test/support/api-server.ts';
import { connectTo } from '../test/support/kube.ts';
import { eventually } from '../test/support/eventually.ts';
import { atMost, type Bench, type Figure } from './support/bench.ts';
import { mebibytes, seconds } from './support/figures.ts';
import { heapInUse } from './support/processes.ts';
import { openShelf, usageOf, type Shelf } from './support/shelf-world.ts';

const SIZES = (process.env['SHELF'] ?? '10000,100000').split(',').map(Number);
const OPEN = 0.05;
const SETTLE_MS = 30_000;
/** Of each kind, whose memory in the caches is told by the object. */
const EACH = 5000;

/** What the design asks for, of so many Trials at most. */
const LIMITS = [
  { trials: 10_000, rss: 256 * 1024 ** 2, restartMs: 10_000 },
  { trials: 100_000, rss: 700 * 1024 ** 2, restartMs: 30_000 },
];

class Watching extends WatchingOperator {
  protected override init(): Promise<void> {
    return Promise.resolve();
  }
}

/** When what is on its way to nobody any more is gone. */
async function heapAtRest(): Promise<number> {
  await wait(500);
  heapInUse();
  return heapInUse();
}

/** Bytes that the caches of a replica take for one of these. */
async function bytesEach(resource: Resource, objects: Stored[]): Promise<number> {
  const server = await ApiServer.start();
  const collection = server.collection(resource);
  for (let index = 0; index < EACH; index++) {
    const one = objects[index % objects.length]!;
    collection.create({ ...one, metadata: { ...one.metadata, name: `${one.metadata.name}-${index}` } });
  }
  const kube = connectTo(server);
  const identity = { component: 'bench', identity: 'bench' };
  const before = await heapAtRest();
  const caches = new Watching({ kube, ...identity, requireTaskPrefixes: false });
  await caches.start();
  await caches.whenSynced();
  const bytes = ((await heapAtRest()) - before) / EACH;
  await caches.stop();
  await kube.close();
  await server.close();
  return bytes;
}

async function cached({ server }: Shelf) {
  const of = (resource: Resource): Stored[] => [...server.collection(resource).objects.values()];
  const isOpen = ({ metadata }: Stored): boolean => metadata.name.startsWith('open-');
  const trials = of(TrialKind);
  return {
    ended: await bytesEach(
      TrialKind,
      trials.filter((trial) => !isOpen(trial)),
    ),
    open: await bytesEach(TrialKind, trials.filter(isOpen)),
    job: await bytesEach(JobKind, of(JobKind)),
    pod: await bytesEach(PodKind, of(PodKind)),
  };
}

async function fill(shelf: Shelf, trials: number): Promise<void> {
  const open = Math.round(trials * OPEN);
  const first = await shelf.start();
  try {
    await shelf.open(open);
  } finally {
    await first.stop();
  }
  await shelf.ended(trials - open);
}

/** An operator is started among them; before that, one more Trial came. */
async function restart(shelf: Shelf) {
  let madeAt: number | undefined;
  void shelf.waiting('new').then((at) => (madeAt = at));
  const began = performance.now();
  const operator = await shelf.start();
  const readyMs = performance.now() - began;
  try {
    const made = await eventually('the Job of the new Trial', () => madeAt, 600);
    const working = await usageOf(operator);
    await wait(SETTLE_MS);
    return { restartMs: made - began, readyMs, working, settled: await usageOf(operator) };
  } finally {
    await operator.stop();
  }
}

async function measure(trials: number) {
  await using shelf = await openShelf();
  await fill(shelf, trials);
  const { restartMs, readyMs, working, settled } = await restart(shelf);
  process.stdout.write(`${trials}: ${mebibytes(settled.rss)}, ${seconds(restartMs)}\n`);
  const bytes = trials === Math.min(...SIZES) ? await cached(shelf) : undefined;
  return { trials, restartMs, readyMs, working, settled, bytes };
}

type Measured = Awaited<ReturnType<typeof measure>>;

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

function figuresOf({ trials, restartMs, readyMs, working, settled, bytes }: Measured): Figure[] {
  const limits = LIMITS.find((limit) => trials <= limit.trials) ?? LIMITS.at(-1)!;
  const what = `${trials} Trials, ${100 - OPEN * 100} % ended`;
  return [
    ...Object.entries(bytes ?? {}).map(([name, value]) => ({
      name: `one in the caches: ${name === 'ended' || name === 'open' ? `Trial, ${name}` : name}`,
      value: kilobytes(value),
    })),
    atMost(`operator RSS, ${what}`, settled.rss, { is: limits.rss, say: mebibytes }),
    { name: 'the most that it ever was', value: mebibytes(settled.peak) },
    { name: `start → ready, ${what}`, value: seconds(readyMs) },
    atMost(`start → Job of a new one, ${what}`, restartMs, { is: limits.restartMs, say: seconds }),
    { name: 'CPU of the operator until then', value: seconds(working.cpu * 1000) },
  ];
}

export const shelf: Bench = {
  needs: 'nothing',
  async run() {
    const measured: Measured[] = [];
    for (const trials of SIZES) measured.push(await measure(trials));
    return { figures: measured.flatMap(figuresOf), raw: { measured } };
  },
};

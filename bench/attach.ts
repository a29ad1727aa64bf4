/** A run of 10,000 Trials on the real API server, as `sb` shows it: how soon, at which cost, and what a tab press takes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Trial as TrialKind } from '../src/crds/kinds.ts';
import { LABEL } from '../src/crds/names.ts';
import type { Trial } from '../src/crds/trial.ts';
import { kubectlOk } from '../test/support/cluster.ts';
import type { World } from '../test/e2e/support/world.ts';
import { atMost, type Bench, type Figure } from './support/bench.ts';
import { bundled } from '../test/support/bundle.ts';
import { mebibytes, percentile, seconds, summary } from './support/figures.ts';
import { endedStatus, largeRun, writeStatus } from './support/large-run.ts';
import { inTerminal, timed, type TerminalProcess, type Usage } from './support/sb-process.ts';

/** A name that no run has in the store. */
const RUN = `bench-${Date.now()}`;
const TASKS = 100;
const ATTEMPTS = 100;
const TRIALS = TASKS * ATTEMPTS;
/** Trials that have not ended when somebody attaches: more than end while he looks. */
const OPEN = 1100;
const CHANGES = 1000;
const MINUTE_MS = 60_000;
const ROUNDS = 3;
const LIMIT_MS = 60_000;
const FIRST_SCREEN_MS = 3000;
/** Requests of ours under way at once. */
const WIDTH = 48;

/** What `sb` puts above everything else. */
const headline = (ended: number): string => `${ended}/${TRIALS} ended`;

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
}

/** Makes the run; resolves to its Trials that have not ended. */
async function prepare({ kube, namespace }: World): Promise<Trial[]> {
  const trials = await largeRun({ run: RUN, namespace, tasks: TASKS, attempts: ATTEMPTS });
  const isOpen = (index: number): boolean => index % Math.floor(TRIALS / OPEN) === 0 && open.length < OPEN;
  const open: Trial[] = [];
  await each([...trials.entries()], async ([index, trial]) => {
    const made = await kube.create(TrialKind, trial);
    if (isOpen(index)) open.push(made);
    else await writeStatus(kube, made, endedStatus(trial, index % 3 === 0 ? 0 : 1));
  });
  return open;
}

/** One by one: the API server gives up on a collection of this size after a minute. */
const removeAll = ({ kube, trials, namespace }: World): Promise<void> =>
  each(
    trials.list().filter(({ metadata }) => metadata.namespace === namespace),
    async ({ metadata: { name } }) => void (await kube.delete(TrialKind, { namespace, name })),
  );

const attached = ({ sb, namespace, jobsDir }: Place): TerminalProcess =>
  inTerminal(sb, ['run', 'attach', RUN, '-n', namespace, '--jobs-dir', jobsDir]);

interface Place {
  /** The program. */
  sb: string;
  namespace: string;
  jobsDir: string;
}

interface Look {
  /** Milliseconds from the start of the process to the screen that counts all Trials, out of the API server's table. */
  ms: number;
  usage: Usage;
}

async function look(place: Place): Promise<Look> {
  const sb = attached(place);
  const ms = await sb.shows(headline(TRIALS - OPEN), LIMIT_MS);
  const usage = await sb.usage();
  await sb.interrupt();
  return { ms, usage };
}

interface Minute {
  tookMs: number;
  /** From the last change to the screen that shows it. */
  lagMs: number;
  /** CPU time of sb in its first minute, while nothing happened, and while all that did, milliseconds a minute. */
  firstCpuMs: number;
  idleCpuMs: number;
  busyCpuMs: number;
  usage: Usage;
}

/** A minute in which nothing happens, and one in which a thousand Trials end. */
async function minute({ kube }: World, place: Place, open: readonly Trial[]): Promise<Minute> {
  const sb = attached(place);
  await sb.shows(headline(TRIALS - OPEN), LIMIT_MS);
  // What is kept of ended Trials goes into the store first.
  await wait(MINUTE_MS);
  const before = await sb.usage();
  await wait(MINUTE_MS);
  const idle = await sb.usage();
  const began = performance.now();
  const ending = open.slice(0, CHANGES).map(async (trial, index) => {
    await wait((index * MINUTE_MS) / CHANGES);
    await writeStatus(kube, trial, endedStatus(trial, 1));
  });
  await Promise.all(ending);
  const tookMs = performance.now() - began;
  const shown = performance.now();
  await sb.shows(headline(TRIALS - OPEN + CHANGES), LIMIT_MS);
  const lagMs = performance.now() - shown;
  const usage = await sb.usage();
  await sb.interrupt();
  return {
    tookMs,
    lagMs,
    firstCpuMs: before.cpuMs,
    idleCpuMs: idle.cpuMs - before.cpuMs,
    busyCpuMs: ((usage.cpuMs - idle.cpuMs) * MINUTE_MS) / tookMs,
    usage,
  };
}

const commandsIn = (namespace: string) => ({
  'sb run ls': ['run', 'ls', '-n', namespace],
  'sb run show': ['run', 'show', RUN, '-n', namespace],
  'sb run show @latest -o json': ['run', 'show', '-n', namespace, '-o', 'json'],
  'completion of a run': ['__complete', '--', 'run', 'show', '-n', namespace, 'bench-'],
  'completion of a Trial': ['__complete', '--', 'trial', 'show', '-n', namespace, 'task-00007'],
});

/** In turns, so that other load hits all of them. */
async function commands({ sb, namespace }: Place): Promise<Record<string, number[]>> {
  const samples: Record<string, number[]> = {};
  const take = (name: string, ms: number): void => void (samples[name] ??= []).push(ms);
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    await kubectlOk(['-n', namespace, 'get', 'trials', '-l', `${LABEL.run}=${RUN}`]);
    take('kubectl get trials', performance.now() - began);
    for (const [name, args] of Object.entries(commandsIn(namespace))) take(name, await timed(sb, args));
  }
  return samples;
}

const share = (cpuMs: number): string => `${((100 * cpuMs) / MINUTE_MS).toFixed(1)} % of a core`;

function figures(looks: Look[], busy: Minute, samples: Record<string, number[]>): Figure[] {
  const median = (name: string): number => percentile(samples[name] ?? [], 0.5);
  const first = looks.map(({ ms }) => ms);
  const largest = Math.max(...looks.map(({ usage }) => usage.maxRss));
  return [
    atMost(`attach to ${TRIALS} Trials, first screen, slowest of ${ROUNDS}`, Math.max(...first), {
      is: FIRST_SCREEN_MS,
      say: seconds,
    }),
    { name: 'the same, p50', value: seconds(percentile(first, 0.5)) },
    { name: 'RSS at the first screen', value: mebibytes(largest) },
    { name: 'RSS after three minutes', value: mebibytes(busy.usage.maxRss) },
    { name: 'CPU in the first minute', value: share(busy.firstCpuMs) },
    { name: 'CPU while nothing happens', value: share(busy.idleCpuMs) },
    { name: `CPU at ${CHANGES} changes a minute`, value: share(busy.busyCpuMs) },
    { name: 'last change → on the screen', value: seconds(busy.lagMs) },
    ...Object.keys(samples).map((name) => ({ name: `${name}, p50`, value: seconds(median(name)) })),
  ];
}

export const attach: Bench = {
  needs: 'cluster',
  async run(world) {
    const { namespace } = world;
    const folder = await mkdtemp(join(tmpdir(), 'sb-bench-'));
    const sb = await bundled('src/cli/main.ts', join(folder, 'sb'));
    const place = { sb, namespace, jobsDir: join(folder, 'jobs') };
    try {
      const open = await prepare(world);
      const samples = await commands(place);
      const looks: Look[] = [];
      for (let round = 0; round < ROUNDS; round += 1) looks.push(await look(place));
      const busy = await minute(world, place, open);
      const summaries = Object.fromEntries(
        Object.entries(samples).map(([name, times]) => [name, summary(times)]),
      );
      return {
        figures: figures(looks, busy, samples),
        raw: { trials: TRIALS, open: OPEN, looks, busy, samples, summaries },
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
      await removeAll(world);
    }
  },
};

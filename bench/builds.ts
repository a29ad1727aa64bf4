/** TaskBuilds on CodeBuild: how soon they start, what they ask of AWS, and what waiting for them costs the operator. No cluster. */
import { setTimeout as wait } from 'node:timers/promises';
import type { CodeBuildService } from '../test/support/codebuild/service.ts';
import { atMost, type Bench, type Figure } from './support/bench.ts';
import { startBuildWorld, type BuildWorld, type Calls } from './support/build-world.ts';
import { ms, percentile, seconds, summary } from './support/figures.ts';
import { difference, type Sample } from './support/metrics.ts';

const BUILDS = 100;
const BUILD_MS = 20_000;
const AT_WORK = 500;
/** What the adapter polls at. */
const POLL_MS = 5000;
const WATCH_MS = 12 * POLL_MS;
/** BatchGetBuilds takes so many ids. */
const BATCH = 100;

const LONG = 'long';
const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

const total = (calls: Calls): number => Object.values(calls).reduce((sum, count) => sum + count, 0);

/** When CodeBuild was asked first to build for a TaskBuild, by the TaskBuild's UID. */
function startedAt({ calls }: CodeBuildService): Map<string, number> {
  type Request = { environmentVariablesOverride: { name: string; value: string }[] };
  const starts = calls.filter(({ operation }) => operation === 'StartBuild').toReversed();
  return new Map(
    starts.map(({ at, request }) => {
      const variables = (request as Request).environmentVariablesOverride;
      return [variables.find(({ name }) => name === 'SB_TASK_BUILD_UID')?.value ?? '', at];
    }),
  );
}

/** TaskBuilds that come at once, from their creation to their images. */
async function build(world: BuildWorld) {
  const tags = names('build', BUILDS);
  const before = await world.calls();
  const made = world.add(tags);
  await world.reach(tags, 'Built', 120);
  const starts = startedAt(world.codebuild);
  const toStart = [...made].map(([uid, at]) => (starts.get(uid) ?? NaN) - at);
  return { toStart, calls: difference(await world.calls(), before) };
}

/** TaskBuilds whose images are there. */
async function adopt(world: BuildWorld): Promise<Calls> {
  const again = names('again', BUILDS);
  const before = await world.calls();
  world.add(names('build', BUILDS), again);
  await world.reach(again, 'ImageExists', 60);
  return difference(await world.calls(), before);
}

const valueOf = (samples: Sample[], name: string): number =>
  samples.find((sample) => sample.name === name)?.value ?? NaN;

/** Looks at all builds since then: when each began, and with how many calls of BatchGetBuilds. The last may have been cut off. */
function looksOf({ calls }: CodeBuildService, since: number): { at: number; calls: number }[] {
  const looks: { at: number; calls: number }[] = [];
  for (const { operation, at } of calls) {
    if (operation !== 'BatchGetBuilds' || at < since) continue;
    const last = looks.at(-1);
    if (last && at - last.at < POLL_MS / 2) last.calls += 1;
    else looks.push({ at, calls: 1 });
  }
  return looks.slice(0, -1);
}

/** What the operator uses while nothing happens but that builds go on. */
async function watch(world: BuildWorld) {
  const since = Date.now();
  const from = { calls: await world.calls(), metrics: await world.metrics(), at: performance.now() };
  await wait(WATCH_MS);
  const tookMs = performance.now() - from.at;
  const metrics = await world.metrics();
  const name = 'process_cpu_seconds_total';
  return {
    tookMs,
    cpuShare: (valueOf(metrics, name) - valueOf(from.metrics, name)) / (tookMs / 1000),
    rss: valueOf(metrics, 'process_resident_memory_bytes'),
    calls: difference(await world.calls(), from.calls),
    looks: looksOf(world.codebuild, since),
  };
}

async function work(world: BuildWorld) {
  const idle = await watch(world);
  const tags = names(LONG, AT_WORK);
  world.add(tags);
  await world.reach(tags, 'Building', 120);
  return { idle, busy: await watch(world) };
}

const share = (value: number): string => `${(value * 100).toFixed(1)} % of a core`;
const perBuild = (value: number): string => value.toFixed(2);

function figures(
  { toStart, calls }: Awaited<ReturnType<typeof build>>,
  adopted: Calls,
  { idle, busy }: Awaited<ReturnType<typeof work>>,
): Figure[] {
  const { looks } = busy;
  const pauses = looks.slice(1).map(({ at }, index) => at - (looks[index]?.at ?? NaN));
  return [
    { name: `created → StartBuild, p50, ${BUILDS} at once`, value: ms(percentile(toStart, 0.5)) },
    atMost(`created → StartBuild, p99, ${BUILDS} at once`, percentile(toStart, 0.99), { is: 1000, say: ms }),
    ...Object.entries(calls).map(([action, count]) => ({
      name: `${action} per build of ${BUILD_MS / 1000} s`,
      value: perBuild(count / BUILDS),
    })),
    atMost('AWS calls per TaskBuild whose image exists', total(adopted) / BUILDS, { is: 2, say: perBuild }),
    atMost(
      `BatchGetBuilds in one look, ${AT_WORK} under way`,
      Math.max(...looks.map(({ calls: made }) => made)),
      {
        is: AT_WORK / BATCH,
        say: String,
      },
    ),
    {
      name: `from one look to the next, ${AT_WORK} under way (median)`,
      value: seconds(percentile(pauses, 0.5)),
    },
    { name: `operator CPU, ${AT_WORK} under way`, value: share(busy.cpuShare) },
    { name: 'operator CPU, nothing under way', value: share(idle.cpuShare) },
  ];
}

export const builds: Bench = {
  needs: 'nothing',
  async run() {
    const world = await startBuildWorld((tag) => (tag.startsWith(LONG) ? 3_600_000 : BUILD_MS));
    try {
      // The first of all opens connections and compiles code; an operator has them open.
      world.add(['first']);
      await world.reach(['first'], 'Built', 60);
      const built = await build(world);
      const adopted = await adopt(world);
      const worked = await work(world);
      return {
        figures: figures(built, adopted, worked),
        raw: {
          builds: BUILDS,
          buildMs: BUILD_MS,
          atWork: AT_WORK,
          pollMs: POLL_MS,
          toStart: { ...summary(built.toStart), samples: built.toStart },
          calls: built.calls,
          adopted,
          ...worked,
        },
      };
    } finally {
      await world.close();
    }
  },
};

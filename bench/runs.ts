/** Indexes and aggregates of a run of ten thousand Trials, over a store in memory: what they cost the leader, and the store. No cluster. */
import { rewarded } from '../test/support/builders/run-trials.ts';
import { RunsWorld } from '../test/support/builders/runs-world.ts';
import { atMost, type Bench } from './support/bench.ts';
import { mebibytes, ms, percentile, summary } from './support/figures.ts';
import { heapInUse } from './support/processes.ts';

const TRIALS = 10_000;
const TASKS = 500;
/** Trials that end in a second. */
const RATE = 10;
/** Between two writes of the run. */
const PAUSE_MS = 5000;
const BATCH = (RATE * PAUSE_MS) / 1000;
const RUN_MS = (TRIALS / RATE) * 1000;

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const trialAt = (index: number) =>
  rewarded(index % 2, {
    name: `trial-${index}`,
    task: { name: `bench/task-${index % TASKS}`, version: '0123456789ab' },
  });

/** CPU of this process, in milliseconds. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The Trials end fifty at a time, and after each fifty the run is reconciled as often as the operator would: at each end, and for the write. */
async function work() {
  const world = new RunsWorld();
  const leader = world.lead();
  const trials = Array.from({ length: TRIALS }, (_, index) => trialAt(index));
  const passes: number[] = [];
  let spent = 0;
  for (let from = 0; from < TRIALS; from += BATCH) {
    const batch = trials.slice(from, from + BATCH);
    world.have(...batch);
    const began = cpuMs();
    for (const trial of batch) await leader.reconcile(trial);
    world.pass(PAUSE_MS);
    spent += cpuMs() - began;
    passes.push(cpuMs() - began);
  }
  return { world, trials, passes, spent };
}

/** A new leader reads what the one before it wrote. */
async function takeOver({ world, trials }: Awaited<ReturnType<typeof work>>) {
  const before = heapInUse();
  const began = cpuMs();
  const leader = world.lead();
  const [first] = trials;
  if (first) await leader.reconcile(first);
  const tookMs = cpuMs() - began;
  return { tookMs, heap: heapInUse() - before, leader };
}

export const runs: Bench = {
  needs: 'nothing',
  async run() {
    const done = await work();
    const puts = [...done.world.puts];
    const entries = puts.filter((key) => key.includes('__')).length;
    const share = done.spent / RUN_MS;
    const over = await takeOver(done);
    return {
      figures: [
        atMost(`core of the leader, ${RATE} Trials a second, ${TRIALS} in all`, share, {
          is: 0.05,
          say: percent,
        }),
        { name: 'CPU of one write of the run, p99', value: ms(percentile(done.passes, 0.99)) },
        {
          name: 'objects stored per Trial beside its config.json and result.json',
          value: (puts.length / TRIALS).toFixed(3),
          target: '≤ 2',
          met: puts.length <= 2 * TRIALS,
        },
        { name: 'of them for the run and runs.json', value: ((puts.length - entries) / TRIALS).toFixed(3) },
        { name: `CPU of a new leader that reads ${TRIALS} records`, value: ms(over.tookMs) },
        { name: 'heap that it keeps for them', value: mebibytes(over.heap) },
      ],
      raw: {
        trials: TRIALS,
        tasks: TASKS,
        rate: RATE,
        spentMs: done.spent,
        passes: summary(done.passes),
        puts: puts.length,
        entries,
        takeOverMs: over.tookMs,
        heap: over.heap,
      },
    };
  },
};

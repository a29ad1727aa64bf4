/** The operator's memory, idle and after a thousand Trials. They have no Pods: their task does not exist, and each ends `TaskNotFound`. */
import { setTimeout as wait } from 'node:timers/promises';
import { s3 } from '../test/e2e/cluster/index.ts';
import type { Bench } from './support/bench.ts';
import { mebibytes, seconds } from './support/figures.ts';
import { leader, operatorGauge } from './support/metrics.ts';
import { allEnd, createTrial } from './support/trials.ts';

const TRIALS = 1000;
/** How many requests of ours are under way at once. */
const WIDTH = 20;
const SETTLE_MS = 10_000;

async function memory(): Promise<{ pod: string; rss: number; heapUsed: number }> {
  return {
    pod: await leader(),
    rss: await operatorGauge('process_resident_memory_bytes'),
    heapUsed: await operatorGauge('nodejs_heap_size_used_bytes'),
  };
}

export const operatorMemory: Bench = {
  needs: 'cluster',
  async run(world) {
    const idle = await memory();
    const names = Array.from({ length: TRIALS }, (_, index) => `missing-${index}`);
    const task = {
      name: 'bench/missing',
      s3: { uri: `s3://${s3.bucket}/tasks/local/missing/000000000000/` },
    };
    const began = performance.now();
    const left = names.values();
    const create = async (): Promise<void> => {
      for (const name of left) await createTrial(world, name, { task });
    };
    await Promise.all(Array.from({ length: WIDTH }, create));
    await allEnd(world, names, 'TaskNotFound');
    const tookMs = performance.now() - began;
    const atEnd = await memory();
    await wait(SETTLE_MS);
    const after = await memory();
    return {
      figures: [
        { name: 'operator RSS, idle', value: mebibytes(idle.rss) },
        { name: `operator RSS, when ${TRIALS} Trials have ended`, value: mebibytes(atEnd.rss) },
        { name: `operator RSS, ${SETTLE_MS / 1000} s later`, value: mebibytes(after.rss) },
        {
          name: 'operator heap in use, idle → later',
          value: `${mebibytes(idle.heapUsed)} → ${mebibytes(after.heapUsed)}`,
        },
        { name: `${TRIALS} Trials without Pods, create → all ended`, value: seconds(tookMs) },
      ],
      raw: { trials: TRIALS, kind: 'TaskNotFound', tookMs, idle, atEnd, after },
    };
  },
};

/** Sandboxes out of a full pool of the real cluster, ten a second, while it is filled again. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Session } from '../src/client/index.ts';
import { conditionOf } from '../src/crds/conditions.ts';
import { Sandbox as SandboxKind } from '../src/crds/kinds.ts';
import { Caches } from '../src/kube/cache/caches.ts';
import { fullPool, isFull, pooled, seen, userSession } from '../test/e2e/support/sandboxes.ts';
import { eventuallyTrue } from '../test/support/eventually.ts';
import { atMost, type Bench } from './support/bench.ts';
import { ms, percentile, seconds, summary } from './support/figures.ts';
import { difference, operatorWrites } from './support/metrics.ts';

const SIZE = 20;
/** A cluster of two cores has room for so many more while the pool is filled again. */
const DRAWN = 12;
const PAUSE_MS = 100;
const FULL_SECONDS = 300;

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** When each Sandbox of the session's namespace was seen to be Ready first, by its name. */
async function readyTimes({ kubeParts, namespace }: Session) {
  const times = new Map<string, number>();
  const over = new AbortController();
  const caches = new Caches({ ...kubeParts, log: silent });
  caches.watch(SandboxKind, { namespace }).subscribe((change) => {
    const { name } = change.object.metadata;
    const isReady = conditionOf(change.object, 'Ready')?.status === 'True';
    if (isReady && !times.has(name)) times.set(name, performance.now());
  });
  caches.start(over.signal);
  await caches.whenSynced();
  return { times, stop: () => over.abort() };
}

/** Milliseconds from its creation. */
interface Took {
  ready: number;
  connected: number;
}

async function draw(session: Session): Promise<Took[]> {
  const { times, stop } = await readyTimes(session);
  try {
    const began = Array.from({ length: DRAWN }, async (_, index) => {
      await wait(index * PAUSE_MS);
      const start = performance.now();
      const { name } = await pooled(session, `pooled-${index}`, { poolRef: 'bench-pool' }).init();
      return { ready: (times.get(name) ?? NaN) - start, connected: performance.now() - start };
    });
    return await Promise.all(began);
  } finally {
    stop();
  }
}

export const pool: Bench = {
  needs: 'cluster',
  async run() {
    const session = userSession();
    try {
      await fullPool('bench-pool', SIZE, FULL_SECONDS);
      const before = await operatorWrites();
      const took = await draw(session);
      const began = performance.now();
      // Its status says so some seconds later.
      await eventuallyTrue(
        'the pool lacks what was taken',
        async () => (await seen('bench-pool'))?.status?.pool?.ready !== SIZE,
      );
      await isFull('bench-pool', SIZE, FULL_SECONDS);
      const filledMs = performance.now() - began;
      const writes = difference(await operatorWrites(), before);
      const [ready, connected] = [took.map((one) => one.ready), took.map((one) => one.connected)];
      const each = Object.values(writes).reduce((sum, count) => sum + count, 0) / DRAWN;
      return {
        figures: [
          { name: 'create → Ready from a pool, p50, 10 a second', value: ms(percentile(ready, 0.5)) },
          atMost('the same, p99', percentile(ready, 0.99), { is: 500, say: ms }),
          { name: 'create → ready and connected, p50', value: ms(percentile(connected, 0.5)) },
          { name: 'the same, p99', value: ms(percentile(connected, 0.99)) },
          atMost('API writes per Sandbox, the pool filled again', each, {
            is: 4,
            say: (value) => value.toFixed(1),
          }),
          { name: 'full again after the last was taken', value: seconds(filledMs) },
        ],
        raw: {
          size: SIZE,
          drawn: DRAWN,
          took,
          ready: summary(ready),
          connected: summary(connected),
          writes,
          filledMs,
        },
      };
    } finally {
      await session.close();
    }
  },
};

/** Sandboxes out of a pool as fast as a cluster of many nodes could give them: the operator against an API server in memory, with simulated Pods. */
import { setTimeout as wait } from 'node:timers/promises';
import { conditionOf } from '../src/crds/conditions.ts';
import { Sandbox as SandboxKind } from '../src/crds/kinds.ts';
import { LABEL } from '../src/crds/names.ts';
import type { Sandbox } from '../src/crds/sandbox.ts';
import { Job as JobKind } from '../src/kube/kinds.ts';
import { isWrite, World } from '../test/crash/world.ts';
import { aSandbox } from '../test/support/builders/sandboxes.ts';
import { until } from '../test/support/kube.ts';
import { SandboxKubelet } from '../test/support/sandbox-kubelet.ts';
import { atMost, type Bench } from './support/bench.ts';
import { ms, percentile, summary } from './support/figures.ts';

const SIZE = 1000;
const SANDBOXES = 1500;
const A_SECOND = 75;
/** From a Job to its Pod that is ready. */
const START_MS = 2000;

/** When each Sandbox became Ready. */
function watchReady(world: World): Map<string, number> {
  const ready = new Map<string, number>();
  world.server.collection(SandboxKind).watchers.add(({ object }) => {
    const { name } = object.metadata;
    if (!ready.has(name) && conditionOf(object as unknown as Sandbox, 'Ready')?.status === 'True')
      ready.set(name, performance.now());
  });
  return ready;
}

const add = (world: World, name: string, spec: Partial<Sandbox['spec']>): void => {
  const { metadata: _, ...sandbox } = aSandbox({ spec });
  world.add(SandboxKind, { ...sandbox, metadata: { name, namespace: 'default' } });
};

const poolOf = (world: World): Sandbox | undefined =>
  world.server.collection(SandboxKind).get('default', 'pool') as Sandbox | undefined;

async function draw(world: World) {
  const ready = watchReady(world);
  const created = new Map<string, number>();
  const before = world.server.requests.length;
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let index = 0; index < SANDBOXES; index += 1) {
    const due = began + (index * 1000) / A_SECOND;
    if (due > performance.now()) await wait(due - performance.now());
    const name = `box-${index}`;
    created.set(name, performance.now());
    add(world, name, { poolRef: { name: 'pool' } });
  }
  await until('all are Ready', () => [...created.keys()].every((name) => ready.has(name)), 120_000);
  const { user, system } = process.cpuUsage(cpu);
  const took = [...created].map(([name, at]) => ready.get(name)! - at);
  const writes = world.server.requests.slice(before).filter(isWrite);
  const owned = [...world.server.collection(JobKind).objects.values()];
  const taken = owned.filter(
    ({ metadata: { labels = {} } }) =>
      labels[LABEL.pool] !== undefined && labels[LABEL.sandbox] !== labels[LABEL.pool],
  );
  return { took, writes: writes.length, taken: taken.length, cpuMs: (user + system) / 1000 / SANDBOXES };
}

export const simulatedPool: Bench = {
  needs: 'nothing',
  async run() {
    const world = await World.start({ haste: 1 });
    try {
      new SandboxKubelet(world.server).startMs = START_MS;
      await world.startOperator();
      add(world, 'pool', { pool: { size: SIZE } });
      const filling = performance.now();
      await until('the pool is full', () => poolOf(world)?.status?.pool?.ready === SIZE, 300_000);
      const filledMs = performance.now() - filling;
      const { took, writes, taken, cpuMs } = await draw(world);
      return {
        figures: [
          { name: `a pool of ${SIZE} filled, Pods ready after ${START_MS / 1000} s`, value: ms(filledMs) },
          { name: `create → Ready from a pool, p50, ${A_SECOND} a second`, value: ms(percentile(took, 0.5)) },
          atMost(`the same, p99`, percentile(took, 0.99), { is: 500, say: ms }),
          { name: 'taken from the pool, of all', value: `${taken} of ${SANDBOXES}` },
          { name: 'CPU per Sandbox, of the API server and the Pods, too', value: `${cpuMs.toFixed(1)} ms` },
          atMost('API writes per Sandbox, the pool filled again', writes / SANDBOXES, {
            is: 4,
            say: (value) => value.toFixed(2),
          }),
        ],
        raw: {
          size: SIZE,
          sandboxes: SANDBOXES,
          startMs: START_MS,
          filledMs,
          took: summary(took),
          writes,
          cpuMs,
        },
      };
    } finally {
      await world.close();
    }
  },
};

/** What the broker's tunnel carries, beside the same bytes without it: server and client are threads of their own, and the broker's thread does TLS and nothing else. No cluster. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PUBLIC, TunnelWorld } from '../test/support/broker/tunnel-world.ts';
import type { Bench, Figure } from './support/bench.ts';
import { mebibytes, ms, percentile, summary } from './support/figures.ts';
import type { Run, Server, Way } from './support/tunnel-ends.ts';

const BYTES = 512 * 1024 ** 2;
const ROUNDS = 5;
const TARGET = 100;
const OPENINGS = 50;

const thread = (workerData: Server | { role: 'client' }): Worker =>
  new Worker(join(import.meta.dirname, 'support/tunnel-ends.ts'), { workerData });

async function answered(worker: Worker): Promise<number> {
  const [value] = (await once(worker, 'message')) as [number];
  return value;
}

const rate = (milliseconds: number): number => BYTES / 1e3 / milliseconds;

/** Bytes of this thread, without those of the others. */
function held(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** MB a second by way and path, in turns, so that other load hits both alike; MB a second of the broker's processor; and what its thread held at most. */
async function throughput(tunnel: NonNullable<Run['tunnel']>) {
  const ways: Way[] = ['down', 'up'];
  const servers = ways.map((way) => thread({ role: 'server', way, bytes: BYTES }));
  const ports = await Promise.all(servers.map(answered));
  const client = thread({ role: 'client' });
  const samples: Record<`${Way} ${'direct' | 'tunnel'}`, number[]> = {
    'down direct': [],
    'down tunnel': [],
    'up direct': [],
    'up tunnel': [],
  };
  const perCpu: Record<Way, number[]> = { down: [], up: [] };
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, held())), 20);
  const measure = async (run: Run): Promise<number> => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    client.postMessage(run);
    return rate(await answered(client));
  };
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [index, way] of ways.entries()) {
      const run = { way, bytes: BYTES, port: ports[index] ?? 0 };
      samples[`${way} direct`].push(await measure(run));
      const before = process.threadCpuUsage();
      samples[`${way} tunnel`].push(await measure({ ...run, tunnel }));
      const { user, system } = process.threadCpuUsage(before);
      perCpu[way].push(rate((user + system) / 1000));
    }
  clearInterval(watch);
  await Promise.all([...servers, client].map((worker) => worker.terminate()));
  return { samples, perCpu, peak };
}

/** From a new connection to the 200. */
async function openings(world: TunnelWorld): Promise<number[]> {
  const port = await world.serve((socket) => void socket.pipe(socket));
  const samples: number[] = [];
  for (let number = 0; number < OPENINGS; number += 1) {
    const began = performance.now();
    const { socket } = await world.tunnel(`127.0.0.1:${port}`);
    samples.push(performance.now() - began);
    socket.resume().end();
    await once(socket, 'close');
  }
  return samples;
}

function figuresOf(samples: Record<string, number[]>, perCpu: Record<Way, number[]>): Figure[] {
  const p50 = (name: string): number => percentile(samples[name] ?? [], 0.5);
  return (['down', 'up'] as const).flatMap((way) => {
    const [through, direct] = [p50(`${way} tunnel`), p50(`${way} direct`)];
    return [
      {
        name: `512 MiB ${way} through the tunnel, p50; share of a direct connection`,
        value: `${Math.round(through)} MB/s; ${(through / direct).toFixed(2)}`,
        target: `≥ ${TARGET} MB/s`,
        met: through >= TARGET,
      },
      {
        name: `the same, in a second of the broker’s processor time`,
        value: `${Math.round(percentile(perCpu[way], 0.5))} MB`,
      },
    ];
  });
}

export const tunnel: Bench = {
  needs: 'nothing',
  async run() {
    const world = new TunnelWorld();
    await world.start([PUBLIC]);
    try {
      const token = world.tenants[0]?.token ?? '';
      const opened = await openings(world);
      const idle = held();
      const { samples, perCpu, peak } = await throughput({ port: world.broker.port, ca: world.ca, token });
      return {
        figures: [
          ...figuresOf(samples, perCpu),
          {
            name: 'held by the broker’s thread: before; at most',
            value: `${mebibytes(idle)}; ${mebibytes(peak)}`,
          },
          { name: 'connection to open tunnel, p50', value: ms(percentile(opened, 0.5)) },
        ],
        raw: { samples, perCpu, opened: summary(opened), idle, peak },
      };
    } finally {
      await world.close();
    }
  },
};

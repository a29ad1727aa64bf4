/** What `sbd` costs: a command from end to end, an order without one, and a GiB of output through it. No cluster: a container of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { openSbd } from '../test/support/sbd-courier.ts';
import { startSbdContainer } from '../test/support/sbd-container.ts';
import type { Sbd } from '../src/courier/hand/sbd/client.ts';
import { atMost, type Bench, type Figure } from './support/bench.ts';
import { mebibytes, percentile, summary } from './support/figures.ts';

const TIMES = 200;
const GIB = 1024 ** 3;

const exact = (ms: number): string => `${ms.toFixed(2)} ms`;

async function timed(work: (index: number) => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let index = 0; index < TIMES; index += 1) {
    const began = performance.now();
    await work(index);
    samples.push(performance.now() - began);
  }
  return samples;
}

/** A command's output as fast as it comes; resolves MB a second, and what this process and sbd held at most meanwhile. */
async function throughput(hand: Sbd, sbd: number) {
  let bytes = 0;
  let peakRss = 0;
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      bytes += chunk.length;
      peakRss = Math.max(peakRss, process.memoryUsage.rss());
      done();
    },
  });
  const began = performance.now();
  await hand.execute(
    { id: 'gib', argv: ['head', '-c', String(GIB), '/dev/zero'], stderr: 'null' },
    { stdout: sink },
  );
  const seconds = (performance.now() - began) / 1000;
  if (bytes !== GIB) throw new Error(`${bytes} bytes came of ${GIB}`);
  const status = readFileSync(`/proc/${sbd}/status`, 'utf8');
  return {
    mbPerSecond: GIB / 1e6 / seconds,
    peakRss,
    sbdPeak: Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024,
  };
}

async function spawned(): Promise<unknown> {
  return await once(spawn('/bin/true', { stdio: 'ignore' }), 'close');
}

export const hand: Bench = {
  needs: 'nothing',
  async run() {
    const pod = await startSbdContainer();
    const courier = openSbd(pod);
    try {
      await courier.ready();
      const idle =
        Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pod.pid()}/status`, 'utf8'))?.[1]) * 1024;
      const orders = await timed(() => courier.check({}));
      const commands = await timed((index) =>
        courier.execute({ id: `true-${index}`, argv: ['/bin/true'], stdout: 'null', stderr: 'null' }),
      );
      const own = await timed(spawned);
      const flow = await throughput(courier, pod.pid());
      const p50 = (samples: number[]): number => percentile(samples, 0.5);
      const figures: Figure[] = [
        atMost('order to sbd and back, p50', p50(orders), { is: 2, say: exact }),
        atMost('/bin/true by sbd, p50', p50(commands), { is: 3, say: exact }),
        { name: '/bin/true by Node’s spawn beside it, p50', value: exact(p50(own)) },
        {
          name: '1 GiB of output',
          value: `${Math.round(flow.mbPerSecond)} MB/s`,
          target: '≥ 200 MB/s',
          met: flow.mbPerSecond >= 200,
        },
        {
          name: 'sbd, resident: idle; at most while it passes',
          value: `${mebibytes(idle)}; ${mebibytes(flow.sbdPeak)}`,
        },
        { name: 'courier’s end, resident at most meanwhile', value: mebibytes(flow.peakRss) },
      ];
      return {
        figures,
        raw: {
          orders: summary(orders),
          commands: summary(commands),
          spawn: summary(own),
          flow,
          samples: { orders, commands, own },
        },
      };
    } finally {
      courier.close();
      await pod.remove();
    }
  },
};

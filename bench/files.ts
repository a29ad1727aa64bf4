/**
 * A file's way between a program and a Sandbox, without a cluster: what each process on it spends on a MiB. Program, broker, courier and `sbd` are the
 * real ones; what they spend says more than how long it takes where a machine does other work as well.
 */
import type { Bench, Figure } from './support/bench.ts';
import { WAYS, type Move } from './support/file-ends.ts';
import { HOPS, openFileWay, type FileWay, type Usages } from './support/file-way.ts';
import { mebibytes } from './support/figures.ts';

const MIB = 256;
const COMMANDS = 500;
const ROUNDS = 3;

interface Sample {
  way: Move['way'];
  seconds: number;
  /** Milliseconds of processor time a MiB, or a command, in the order of the hops. */
  cpu: number[];
}

async function sampled({ move, usage }: FileWay, wanted: Move): Promise<Sample> {
  const { way } = wanted;
  const count = wanted.way === 'command' ? wanted.times : MIB;
  const before = usage();
  const seconds = await move(wanted);
  const after = usage();
  return { way, seconds, cpu: HOPS.map((hop) => ((after[hop].cpu - before[hop].cpu) * 1000) / count) };
}

function figuresOf(samples: Sample[], peaks: Usages): Figure[] {
  const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
  const exact = (number: number): string => number.toFixed(1);
  const cheapest = (way: Move['way']): Sample =>
    samples.filter((sample) => sample.way === way).toSorted((a, b) => sum(a.cpu) - sum(b.cpu))[0]!;
  const spent = ({ cpu }: Sample): string => `${cpu.map(exact).join(', ')}; ${exact(sum(cpu))} ms`;
  return [
    { name: `CPU of /bin/true: ${HOPS.join(', ')}; all`, value: spent(cheapest('command')) },
    ...WAYS.map(cheapest).map(({ way, ...sample }) => ({
      name: `${way}: CPU of a MiB: ${HOPS.join(', ')}; all`,
      value: `${spent({ way, ...sample })} (${Math.round((MIB * 2 ** 20) / 1e6 / sample.seconds)} MB/s)`,
    })),
    {
      name: `resident at most: ${HOPS.join(', ')}`,
      value: HOPS.map((hop) => mebibytes(peaks[hop].peak)).join(', '),
    },
  ];
}

const MOVES: Move[] = [
  { way: 'command', times: COMMANDS },
  ...WAYS.map((way) => ({ way, bytes: MIB * 2 ** 20 })),
];

export const files: Bench = {
  needs: 'nothing',
  async run() {
    const way = await openFileWay();
    try {
      const samples: Sample[] = [];
      for (let round = 0; round < ROUNDS; round += 1)
        for (const wanted of MOVES) samples.push(await sampled(way, wanted));
      const peaks = way.usage();
      return { figures: figuresOf(samples, peaks), raw: { samples, peaks } };
    } finally {
      await way.close();
    }
  },
};

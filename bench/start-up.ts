/** How long `sb --help` takes as a user starts it, beside a Node that does nothing. Pairs, one after the other, so that other load hits both. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../test/support/cluster.ts';
import { atMost, type Bench } from './support/bench.ts';
import { ms, percentile, summary } from './support/figures.ts';

const ROUNDS = 20;
const TARGET_MS = 150;

const run = promisify(execFile);

async function timed(program: string, args: string[]): Promise<number> {
  const began = performance.now();
  await run(program, args, { cwd: root });
  return performance.now() - began;
}

export const startUp: Bench = {
  needs: 'nothing',
  async run() {
    await run('npm', ['run', '--silent', 'bundle:cli'], { cwd: root });
    const node = process.execPath;
    const samples: Record<'bare' | 'bundle' | 'source', number[]> = { bare: [], bundle: [], source: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      samples.bare.push(await timed(node, ['-e', '0']));
      samples.bundle.push(await timed(node, [join(root, 'bin/sb.mjs'), '--help']));
      samples.source.push(await timed(node, [join(root, 'src/cli/main.ts'), '--help']));
    }
    const median = (times: number[]): number => percentile(times, 0.5);
    const ratio = median(samples.bundle) / median(samples.bare);
    return {
      figures: [
        atMost('sb --help, bundled, p50', median(samples.bundle), { is: TARGET_MS, say: ms }),
        { name: 'of which Node itself, p50', value: ms(median(samples.bare)) },
        { name: 'sb --help against Node that does nothing', value: `${ratio.toFixed(2)}×` },
        { name: 'sb --help, from source, p50', value: ms(median(samples.source)) },
      ],
      raw: {
        samples,
        summaries: Object.fromEntries(Object.entries(samples).map(([name, times]) => [name, summary(times)])),
      },
    };
  },
};

/** Where a measurement was made. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { root } from '../../test/support/cluster.ts';

export interface Machine {
  cores: number;
  cpu: string;
  memoryBytes: number;
  kernel: string;
  node: string;
  /** Commit of the checkout, with `+` where files differ from it. */
  commit: string;
}

const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();

export function machine(): Machine {
  const [first] = cpus();
  const changed = git('status', '--porcelain') === '' ? '' : '+';
  return {
    cores: cpus().length,
    cpu: first?.model ?? 'unknown',
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    commit: `${git('rev-parse', '--short', 'HEAD')}${changed}`,
  };
}

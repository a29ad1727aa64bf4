/** Submitting 1,000 tiny tasks, submitting them again, and a dry run of 10,000: time and memory of the client. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kubeconfig, root } from '../test/support/cluster.ts';
import { atMost, type Bench, type Figure } from './support/bench.ts';
import { bundled, FLAGS } from '../test/support/bundle.ts';
import { mebibytes, seconds } from './support/figures.ts';
import type { Submission } from './support/submission.ts';
import { writeTasks } from './support/tiny-tasks.ts';

const TASKS = 1000;
const DRY_TASKS = 10_000;
const RSS_LIMIT = 300 * 2 ** 20;
/** Manifests of 10,000 Trials are tens of megabytes. */
const MAX_OUTPUT = 2 ** 30;

const run = promisify(execFile);

async function inProcess(program: string, ...args: string[]): Promise<Submission> {
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  const { stdout } = await run(process.execPath, [...FLAGS, program, ...args], {
    cwd: root,
    env,
    maxBuffer: MAX_OUTPUT,
  });
  return JSON.parse(stdout) as Submission;
}

const within = (name: string, is: number, { wholeMs }: Submission): Figure =>
  atMost(name, wholeMs, { is, say: seconds });

const memoryOf = (name: string, { maxRss }: Submission): Figure =>
  atMost(name, maxRss, { is: RSS_LIMIT, say: mebibytes });

export const submission: Bench = {
  needs: 'cluster',
  async run({ namespace }) {
    const folder = await mkdtemp(join(tmpdir(), 'sb-bench-'));
    const dryFolder = await mkdtemp(join(tmpdir(), 'sb-bench-'));
    const programs = await mkdtemp(join(tmpdir(), 'sb-bench-'));
    try {
      const program = await bundled('bench/support/submission.ts', programs);
      await writeTasks(folder, TASKS);
      const first = await inProcess(program, 'run', folder, 'bench-1', namespace);
      const same = await inProcess(program, 'run', folder, 'bench-1', namespace);
      const second = await inProcess(program, 'run', folder, 'bench-2', namespace);
      await writeTasks(dryFolder, DRY_TASKS);
      const dry = await inProcess(program, 'dry-run', dryFolder, 'bench-dry');
      return {
        figures: [
          within(`${TASKS} tasks packed, stored, last Trial created`, 60_000, first),
          memoryOf('RSS of it', first),
          within('the same run again: nothing to do', 30_000, same),
          within('another run of them: all stored, Trials created', 30_000, second),
          memoryOf('RSS of it', second),
          within(`dry run of ${DRY_TASKS}, as YAML`, 30_000, dry),
          memoryOf('RSS of it', dry),
        ],
        raw: { tasks: TASKS, dryTasks: DRY_TASKS, first, same, second, dry },
      };
    } finally {
      for (const one of [folder, dryFolder, programs]) await rm(one, { recursive: true, force: true });
    }
  },
};

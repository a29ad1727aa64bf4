/** Submitting 1,000 tiny tasks, submitting them again, and a dry run of 10,000: time and memory of the client. */
import { build } from 'esbuild';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kubeconfig, root } from '../test/support/cluster.ts';
import { atMost, type Bench, type Figure } from './support/bench.ts';
import { mebibytes, seconds } from './support/figures.ts';
import type { Submission } from './support/submission.ts';

const TASKS = 1000;
const DRY_TASKS = 10_000;
const RSS_LIMIT = 300 * 2 ** 20;
/** Manifests of 10,000 Trials are tens of megabytes. */
const MAX_OUTPUT = 2 ** 30;

/** As `bin/sb.mjs` starts `sb`. */
const FLAGS = ['--max-semi-space-size=4'];

const run = promisify(execFile);

/** Bundled as `sb` is: source that is compiled while it is read takes 50 MiB more. Resolves to the program's path. */
async function bundled(folder: string): Promise<string> {
  await build({
    entryPoints: [join(root, 'bench/support/submission.ts')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    logLevel: 'error',
  });
  return join(folder, 'submission.mjs');
}

async function inProcess(program: string, ...args: string[]): Promise<Submission> {
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  const { stdout } = await run(process.execPath, [...FLAGS, program, ...args], {
    cwd: root,
    env,
    maxBuffer: MAX_OUTPUT,
  });
  return JSON.parse(stdout) as Submission;
}

/** `count` tasks, each other than the rest, and no version of them ever in the bucket before. */
async function writeTasks(folder: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const dir = join(folder, `task-${String(index).padStart(5, '0')}`);
    for (const part of ['environment', 'solution', 'tests'])
      await mkdir(join(dir, part), { recursive: true });
    await Promise.all([
      writeFile(
        join(dir, 'task.toml'),
        '[agent]\ntimeout_sec = 60\n[environment]\ncpus = 1\nmemory_mb = 256\n',
      ),
      writeFile(join(dir, 'instruction.md'), `Write ${index} into /tmp/answer. (${folder})\n`),
      writeFile(join(dir, 'environment/Dockerfile'), `FROM debian:bookworm-slim\nLABEL task=${index}\n`),
      writeFile(join(dir, 'solution/solve.sh'), `#!/bin/sh\necho ${index} > /tmp/answer\n`, { mode: 0o755 }),
      writeFile(join(dir, 'tests/test.sh'), `#!/bin/sh\ngrep -q ${index} /tmp/answer\n`, { mode: 0o755 }),
    ]);
  }
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
      const program = await bundled(programs);
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

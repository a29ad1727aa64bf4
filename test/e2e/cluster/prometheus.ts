/** Prometheus and promtool out of Debian's package, in the harness's cache: nothing is installed. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { paths, scratchFolder } from './machine/paths.ts';
import { run } from './machine/process.ts';
import { step } from './machine/progress.ts';

const folder = join(paths.cache, 'prometheus-debian');
const programs = ['prometheus', 'promtool'] as const;

export const hasPrometheus = (): boolean => programs.every((name) => existsSync(join(folder, name)));

/** Fetches them where they are missing: once, 20 MB. Throws a plain sentence where there is no Debian or Ubuntu. */
export async function ensurePrometheus(): Promise<void> {
  if (hasPrometheus()) return;
  if (!existsSync('/usr/bin/apt-get'))
    throw new Error('Prometheus is fetched as a package of Debian or Ubuntu, and there is no apt-get here.');
  await step('Prometheus', fetchPrometheus);
}

async function fetchPrometheus(): Promise<void> {
  using scratch = scratchFolder('prometheus');
  const cwd = scratch.path;
  const download = (): Promise<string> => run('apt-get', ['download', 'prometheus'], { cwd });
  // A machine that has never asked for Debian's lists knows no package.
  await download().catch(async () => {
    await run('apt-get', ['update']);
    await download();
  });
  const file = readdirSync(cwd).find((name) => name.endsWith('.deb'));
  await run('dpkg', ['-x', file ?? '', 'root'], { cwd });
  mkdirSync(folder, { recursive: true });
  for (const name of programs) {
    // Complete once it has its name; a process beside this one may do the same.
    const part = join(folder, `.part-${process.pid}-${name}`);
    renameSync(join(cwd, 'root/usr/bin', name), part);
    renameSync(part, join(folder, name));
  }
  rmSync(join(cwd, 'root'), { recursive: true, force: true });
}

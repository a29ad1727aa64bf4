/** The home directory of a build machine: the docker command with buildx, and a builder `sb` that is a BuildKit elsewhere. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface BuildHome {
  path: string;
  remove(): void;
}

/** Makes one; `buildkit` as in `tcp://127.0.0.1:1234`. */
export async function makeBuildHome(programs: { buildx: string; buildkit: string }): Promise<BuildHome> {
  const path = mkdtempSync(join(tmpdir(), 'sb-build-home-'));
  const config = join(path, '.docker');
  mkdirSync(join(config, 'cli-plugins'), { recursive: true });
  symlinkSync(programs.buildx, join(config, 'cli-plugins/docker-buildx'));
  const remote = ['--name', 'sb', '--driver', 'remote', programs.buildkit];
  await run('docker', ['buildx', 'create', ...remote], {
    env: { PATH: process.env['PATH'], HOME: path, DOCKER_CONFIG: config },
  });
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

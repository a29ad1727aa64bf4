/** The home directory of a build machine: the docker command with buildx, a builder `sb` that is a BuildKit elsewhere, and which registries it reaches how. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ECR_HOST } from './facts.ts';

const run = promisify(execFile);

export interface BuildHome {
  path: string;
  remove(): void;
}

/** Name of the builder by which copies of images find their registries, as `BUILDX_BUILDER`. */
export const REGISTRIES = 'registries';

/** `mirror`: `host:port` of the registry that has what public ones have. ECR is reached by plain HTTP, over the proxy that the build's variables name. */
const registriesOf = (mirror: string): string =>
  [
    ...['docker.io', 'public.ecr.aws', 'sb-registry:5000'].map(
      (host) => `[registry."${host}"]\n  mirrors = ["${mirror}"]\n`,
    ),
    ...[mirror, ECR_HOST].map((host) => `[registry."${host}"]\n  http = true\n`),
  ].join('');

/** Written as `docker buildx create` writes it, which would ask an engine that a build machine here does not have. Nobody starts it. */
const instanceOf = (mirror: string): string =>
  JSON.stringify({
    Name: REGISTRIES,
    Driver: 'docker-container',
    Nodes: [
      {
        Name: `${REGISTRIES}0`,
        Endpoint: 'unix:///var/run/docker.sock',
        Files: { 'buildkitd.toml': Buffer.from(registriesOf(mirror)).toString('base64') },
      },
    ],
  });

/** Makes one; `buildkit` as in `tcp://127.0.0.1:1234`, `registry` the URL of the one that has what public ones have. */
export async function makeBuildHome(place: {
  buildx: string;
  buildkit: string;
  registry: string;
}): Promise<BuildHome> {
  const path = mkdtempSync(join(tmpdir(), 'sb-build-home-'));
  const config = join(path, '.docker');
  mkdirSync(join(config, 'cli-plugins'), { recursive: true });
  symlinkSync(place.buildx, join(config, 'cli-plugins/docker-buildx'));
  const remote = ['--name', 'sb', '--driver', 'remote', place.buildkit];
  await run('docker', ['buildx', 'create', ...remote], {
    env: { PATH: process.env['PATH'], HOME: path, DOCKER_CONFIG: config },
  });
  const { host } = new URL(place.registry);
  writeFileSync(join(config, 'buildx/instances', REGISTRIES), instanceOf(host), { mode: 0o600 });
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

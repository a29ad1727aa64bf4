import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { paths } from '../machine/paths.ts';
import { versions } from '../versions.ts';
import { buildSmallImage, inRegistry, pushImage } from './build.ts';
import { published, type Flavour } from './flavour.ts';

/** BuildKit's client with a shell, for the build Jobs inside the cluster. */
export const buildctlImage = `buildctl:v${versions.buildkit}`;

export async function ensureBuildctlImage(flavour: Flavour): Promise<void> {
  if (await inRegistry(buildctlImage)) return;
  if (flavour === 'pulled') return pushImage(published.buildkit, buildctlImage);
  const Dockerfile =
    'FROM debian:bookworm-slim\nCOPY --chmod=755 buildctl /usr/local/bin/buildctl\nCMD ["buildctl", "--version"]\n';
  await buildSmallImage(buildctlImage, { Dockerfile, buildctl: readFileSync(join(paths.bin, 'buildctl')) });
}

import { cpSync } from 'node:fs';
import { basename, join } from 'node:path';
import { hasImage, keepOnly } from '../machine/containers.ts';
import { digest, paths, scratchFolder } from '../machine/paths.ts';
import { docker } from '../machine/process.ts';

const programs = ['registry', 'versitygw', 'buildkitd', 'buildctl'];
export const servicesImage = `sb-services:${digest(basename(paths.bin))}`;

/** Makes one image that holds the registry, the S3 server and BuildKit. */
export async function makeServicesImage(): Promise<void> {
  if (await hasImage(servicesImage)) return;
  using scratch = scratchFolder('services');
  const context = scratch.path;
  cpSync(join(paths.assets, 'images/services/Dockerfile'), join(context, 'Dockerfile'));
  for (const program of programs) cpSync(join(paths.bin, program), join(context, program));
  await docker(['build', '-t', servicesImage, context]);
  await keepOnly(servicesImage);
}

import { join } from 'node:path';
import { imageFlavour } from '../images/flavour.ts';
import { acquireLock } from '../machine/lock.ts';
import { ensureBuildx, hasBuildx } from './buildx.ts';
import { ensurePython, hasPython } from './python.ts';

/** Programs that the tests against AWS need beside those of the cluster. */
export type AwsTools = {
  /** Folder of `aws` and `moto_server`. */
  bin: string;
  /** The docker command's plugin. */
  buildx: string;
};

/** Makes sure that they are in the cache; needs a Docker engine that answers, or one of our own that will. */
export async function ensureAwsTools(): Promise<AwsTools> {
  using _ = hasPython() && hasBuildx() ? undefined : acquireLock();
  const flavour = await imageFlavour();
  const [python, buildx] = await Promise.all([ensurePython(), ensureBuildx(flavour)]);
  return { bin: join(python, 'bin'), buildx };
}

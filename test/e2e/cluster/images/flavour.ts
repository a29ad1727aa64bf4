import { hasImage } from '../machine/containers.ts';
import { docker, succeeds } from '../machine/process.ts';
import { versions } from '../versions.ts';
import { nodeImage } from './node-image.ts';

/** Where images come from: `pulled` from Docker Hub, or `made` here of Debian packages and Go modules. */
export type Flavour = 'pulled' | 'made';

/** Images of the ordinary way, as they are published. */
export const published = {
  registry: 'registry:3',
  versitygw: `versity/versitygw:v${versions.versitygw}`,
  buildkit: `moby/buildkit:v${versions.buildkit}`,
} as const;

/** What is there decides, so that a machine keeps its flavour; else whether a pull works. SB_CLUSTER_IMAGES overrides it. */
export async function imageFlavour(): Promise<Flavour> {
  const wanted = process.env['SB_CLUSTER_IMAGES'];
  if (wanted === 'pulled' || wanted === 'made') return wanted;
  if (await hasImage(nodeImage())) return 'made';
  if (await hasImage(published.registry)) return 'pulled';
  return (await pulls(published.registry)) ? 'pulled' : 'made';
}

export async function pullPublished(): Promise<void> {
  for (const image of Object.values(published))
    if (!(await hasImage(image))) await docker(['pull', '-q', image]);
}

const pulls = (image: string) => succeeds('docker', ['pull', '-q', image], { timeoutSeconds: 60 });

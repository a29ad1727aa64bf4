/** Small images that only stories need, built into the local registry. */
import { createHash } from 'node:crypto';
import { ensureBaseImages, registry } from '../cluster/index.ts';
import { buildSmallImage, inRegistry } from '../cluster/images/build.ts';

export interface SmallImage {
  /** What a Trial names it. */
  reference: string;
  /** The same within the registry: `path:tag`. */
  path: string;
  /** Builds it where the registry does not have it; several calls build once. */
  ensure(): Promise<void>;
}

/** An image of a Dockerfile and a few files, named by their contents. */
export function smallImage(name: string, dockerfile: string, files: Record<string, string> = {}): SmallImage {
  const contents = { Dockerfile: dockerfile, ...files };
  const tag = createHash('sha256').update(JSON.stringify(contents)).digest('hex').slice(0, 12);
  const repository = `e2e/${name}:${tag}`;
  let made: Promise<void> | undefined;
  const make = async (): Promise<void> => {
    if (await inRegistry(repository)) return;
    await ensureBaseImages(basesOf(dockerfile));
    await buildSmallImage(repository, contents);
  };
  return {
    reference: `${registry.inCluster}/${repository}`,
    path: repository,
    ensure: () => (made ??= make()),
  };
}

/** Names of Docker Hub images that a Dockerfile begins with. */
export const basesOf = (dockerfile: string): string[] => {
  const lines = [...dockerfile.matchAll(/^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/gim)];
  const stages = new Set(['scratch', ...lines.flatMap(([, , stage]) => stage ?? [])]);
  return [...new Set(lines.flatMap(([, base]) => base ?? []))].filter((base) => !stages.has(base));
};

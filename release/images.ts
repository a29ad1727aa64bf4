/** The operator's image, for every platform under one digest, in a registry. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './process.ts';
import type { Image, Release } from './release.ts';

export interface ImageWish {
  /** Repository, with its registry. */
  repository: string;
  platforms: string[];
  /** More words for `docker buildx build`: the builder, secrets, folders in the place of stages. */
  buildx: string[];
}

/** What is said of the image where it lies, by the names of the OCI. */
const labelsOf = ({ version, commit, license, description }: Release): Record<string, string> => ({
  'org.opencontainers.image.version': version,
  'org.opencontainers.image.revision': commit,
  'org.opencontainers.image.licenses': license,
  'org.opencontainers.image.description': description,
});

/** Builds and pushes it as `repository:version`. Rejects where it cannot be built for one of the platforms. */
export async function pushImage(release: Release, wish: ImageWish): Promise<Image> {
  const { repository, platforms, buildx } = wish;
  const { root, scratch, version, committed } = release;
  const metadata = join(scratch, 'image.json');
  rmSync(metadata, { force: true });
  const labels = Object.entries(labelsOf(release)).flatMap(([name, value]) => [
    '--label',
    `${name}=${value}`,
  ]);
  const words = [
    '--platform',
    platforms.join(','),
    '--tag',
    `${repository}:${version}`,
    '--push',
    '--provenance',
    'mode=max',
    '--metadata-file',
    metadata,
    // Files and layers have the time of the commit.
    '--build-arg',
    `SOURCE_DATE_EPOCH=${committed}`,
    ...labels,
    ...buildx,
  ];
  await run('docker', ['buildx', 'build', ...words, root], { cwd: root, shown: true });
  const { 'containerimage.digest': digest } = JSON.parse(readFileSync(metadata, 'utf8')) as Record<
    string,
    string
  >;
  if (!digest?.startsWith('sha256:')) throw new Error(`buildx gives no digest of ${repository}:${version}`);
  return { repository, digest, platforms };
}

/** The command line of `npm run release`. */
import { parseArgs } from 'node:util';
import type { ImageWish } from './images.ts';

export const USAGE = `usage: npm run release -- [--dry-run] [--registry REPOSITORY] [--platform LIST] [--downloads URL] [--builder URI] [-- BUILDX…]

  --dry-run     publish nothing: no npm package, no tag
  --registry    repository of the operator's image, which is built and pushed there; with --dry-run it may be missing
  --platform    of the image; default: linux/amd64,linux/arm64
  --downloads   URL of the folder where users find the files of this release; with --dry-run it may be missing
  --builder     URI of who makes this release, for the provenance
  BUILDX        more words for docker buildx build
`;

export interface Wish {
  dryRun: boolean;
  image: ImageWish | undefined;
  downloads: string;
  builder: string;
}

/** Where files are of a release that nobody can download; a name that is kept for examples. */
const NOWHERE = 'https://example.com/sb-operator';

/** Throws a sentence for what it cannot be. */
export function readArguments(args: string[]): Wish {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean', default: false },
      registry: { type: 'string' },
      platform: { type: 'string', default: 'linux/amd64,linux/arm64' },
      downloads: { type: 'string' },
      builder: { type: 'string', default: 'https://sb.abundant.ai/release/by-hand' },
    },
  });
  const { 'dry-run': dryRun, registry, platform, downloads, builder } = values;
  for (const [name, value] of Object.entries({ registry, downloads }))
    if (!dryRun && value === undefined)
      throw new Error(`--${name} is missing; only --dry-run can do without`);
  const url = downloads ?? NOWHERE;
  if (!url.startsWith('https://')) throw new Error(`--downloads: ${url} is not an https URL`);
  if (registry !== undefined && !/^[^/\s@]+(\/[a-z0-9._-]+)+$/.test(registry))
    throw new Error(
      `--registry: ${registry} is not a repository without tag, such as registry.example.com/sb-operator`,
    );
  const image =
    registry === undefined
      ? undefined
      : { repository: registry, platforms: platform.split(','), buildx: positionals };
  return { dryRun, image, downloads: url.replace(/\/$/, ''), builder };
}

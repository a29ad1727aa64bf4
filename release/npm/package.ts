/** The npm package: `sb`, the plugin `kubectl sb`, and `sb-operator/client`, bundled, so that installing it installs nothing else. */
import type { Plugin } from 'esbuild';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../process.ts';
import type { Image, Release } from '../release.ts';
import { licensesOf } from './licenses.ts';
import { bundlePrograms } from './programs.ts';
import { writeTypes } from './types.ts';

/** Bytes that it may take on a user's disk. */
export const LIMIT = 5 * 2 ** 20;

/** What users' package.json says of it: nothing that only a checkout needs. `image`: what `sb cloud init` installs. */
export const packageManifest = ({ name, version, description, license }: Release, image?: Image): object => ({
  name,
  version,
  description,
  license,
  type: 'module',
  // As bin/sb.mjs checks it.
  engines: { node: '>=24' },
  bin: { sb: 'bin/sb.mjs', 'kubectl-sb': 'bin/sb.mjs' },
  exports: { './client': { types: './dist/client/index.d.ts', default: './dist/client/index.js' } },
  ...(image && { operatorImage: `${image.repository}@${image.digest}` }),
});

export interface Packed {
  /** Name of the archive in the release's folder. */
  archive: string;
  files: string[];
  unpackedBytes: number;
}

/** Makes the package and packs it. `plugins` see what is bundled. */
export async function packPackage(
  release: Release,
  image: Image | undefined,
  plugins: Plugin[] = [],
): Promise<Packed> {
  const { root, out, scratch } = release;
  const folder = join(scratch, 'package');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const metafile = await bundlePrograms(join(folder, 'dist'), plugins);
  writeFileSync(join(folder, 'dist/sb/licenses.txt'), licensesOf(metafile));
  await writeTypes(join(folder, 'dist/client/index.d.ts'), scratch);
  for (const file of ['bin', 'README.md', 'LICENSE'])
    cpSync(join(root, file), join(folder, file), { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    `${JSON.stringify(packageManifest(release, image), undefined, 2)}\n`,
  );
  return pack(folder, out);
}

async function pack(folder: string, out: string): Promise<Packed> {
  const said = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out], {
    cwd: folder,
  });
  const [packed] = JSON.parse(said) as {
    filename: string;
    unpackedSize: number;
    files: { path: string }[];
  }[];
  if (!packed) throw new Error(`npm pack has packed nothing: ${said}`);
  if (packed.unpackedSize > LIMIT)
    throw new Error(`the npm package takes ${packed.unpackedSize} bytes unpacked, more than ${LIMIT}`);
  return {
    archive: packed.filename,
    files: packed.files.map(({ path }) => path).sort(),
    unpackedBytes: packed.unpackedSize,
  };
}

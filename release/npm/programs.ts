/** `sb` and `sb-operator/client`, bundled: one set of files with nothing in it twice, and no dependency. `npm run bundle:cli` makes it in `dist`. */
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** How every program of ours for people's machines is bundled. */
export const SETTINGS = {
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  // Libraries tell errors and classes apart by their names.
  keepNames: true,
  // They are in dist/sb/licenses.txt.
  legalComments: 'none',
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
  logLevel: 'error',
} as const satisfies BuildOptions;

/** Bundles both into the folder `out`, as `sb/sb.js` and `client/index.js`. */
export async function bundlePrograms(out: string, plugins: Plugin[] = []): Promise<Metafile> {
  rmSync(join(out, 'sb'), { recursive: true, force: true });
  const { metafile } = await build({
    ...SETTINGS,
    absWorkingDir: ROOT,
    entryPoints: { 'sb/sb': 'src/cli/main.ts', 'client/index': 'src/client/index.ts' },
    chunkNames: 'sb/[name]-[hash]',
    outdir: out,
    metafile: true,
    plugins,
  });
  return metafile;
}

if (import.meta.main) await bundlePrograms(join(ROOT, 'dist'));

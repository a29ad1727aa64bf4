/** Programs as they are installed: source that is compiled while it is read takes a second and 50 MiB more. */
import { build } from 'esbuild';
import { basename, join } from 'node:path';
import { root } from '../../test/support/cluster.ts';

/** As `bin/sb.mjs` starts `sb`. */
export const FLAGS = ['--max-semi-space-size=4'];

/** Bundles a program as `sb` is bundled; resolves to its path in `folder`. */
export async function bundled(source: string, folder: string): Promise<string> {
  await build({
    entryPoints: [join(root, source)],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    logLevel: 'error',
  });
  return join(folder, basename(source, '.ts') + '.mjs');
}

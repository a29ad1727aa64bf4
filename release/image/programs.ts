/**
 * The programs of the image: operator and courier. `npm run bundle` makes them in `dist/bundle`: each as a bundle, and the line that starts it
 * (`start.cjs`). The Dockerfile then has V8 compile them, on the platform that they run on (`compile.cjs`).
 */
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const PROGRAMS: Programs = { operator: 'src/operator.ts', courier: 'src/courier/main.ts' };

/** Their sources in the checkout. */
export type Programs = Record<string, string>;

const SETTINGS = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node26',
  // V8's own cache of code is for scripts. Besides, `import` of Node's http reads all that it exports, which loads undici.
  format: 'cjs',
  // A script has no import().
  supported: { 'dynamic-import': false },
  banner: { js: '(function (require, module, __dirname) {' },
  footer: { js: '})' },
  define: { 'import.meta.dirname': '__dirname', 'import.meta.main': 'true' },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'error',
} as const satisfies BuildOptions;

/** Bundles both, or others in their place, into the folder `out`. `plugins` see what is bundled. */
export async function bundleImage(
  out: string,
  { programs = PROGRAMS, plugins = [] }: { programs?: Programs; plugins?: Plugin[] } = {},
): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  const entryPoints = Object.entries(programs).map(([name, source]) => ({
    in: source,
    out: `${name}.bundle`,
  }));
  await build({ ...SETTINGS, entryPoints, outdir: out, plugins });
  for (const file of ['start', 'compile'])
    copyFileSync(join(import.meta.dirname, `${file}.cjs`), join(out, `${file}.js`));
  for (const name of Object.keys(programs))
    writeFileSync(
      join(out, `${name}.js`),
      `const { run, scriptOf } = require('./start.js');\nrun(scriptOf('${name}'));\n`,
    );
  // The operator tells its version by what lies beside it.
  const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  writeFileSync(join(out, 'package.json'), JSON.stringify({ name, version, type: 'commonjs' }));
}

if (import.meta.main) await bundleImage(join(ROOT, 'dist/bundle'));

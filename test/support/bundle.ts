/** Programs as they are installed: source that is compiled while it is read takes a second and 50 MiB more. */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bundleImage } from '../../release/image/programs.ts';
import { SETTINGS } from '../../release/npm/programs.ts';
import { root } from './cluster.ts';

/** As `bin/sb.mjs` starts `sb`. */
export const FLAGS = ['--max-semi-space-size=4'];

/** Bundles a program as `sb` is bundled; resolves to its path in `folder`. */
export async function bundled(source: string, folder: string): Promise<string> {
  await build({
    entryPoints: [join(root, source)],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    ...SETTINGS,
  });
  return join(folder, basename(source, '.ts') + '.mjs');
}

const programs = new Map<string, Promise<string>>();

/** The bundle of a program: made once for all tests of this process, removed at its end, and readable for every user. */
export function programOf(source: string): Promise<string> {
  const program = programs.get(source) ?? bundled(source, ownFolder());
  programs.set(source, program);
  return program;
}

/** A program that is bundled, compiled and started as those of the image are; kept like other bundles. `flags`: those of V8 that it will have. */
export function imageProgramOf(source: string, flags: readonly string[] = []): Promise<string> {
  const program = programs.get(source) ?? compiled(source, ownFolder(), flags);
  programs.set(source, program);
  return program;
}

async function compiled(source: string, folder: string, flags: readonly string[]): Promise<string> {
  const name = basename(source, '.ts');
  await bundleImage(folder, { programs: { [name]: source } });
  // What it says about its settings, which it has none of, is for nobody.
  execFileSync(process.execPath, [...flags, join(folder, 'compile.js'), name], { stdio: 'ignore' });
  return join(folder, `${name}.js`);
}

/** In the checkout, where `sb` finds its version. */
function ownFolder(): string {
  const dist = join(root, 'dist');
  mkdirSync(dist, { recursive: true });
  const folder = mkdtempSync(join(dist, 'test-'));
  chmodSync(folder, 0o755);
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

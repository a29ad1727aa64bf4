/** The server as one file that needs nothing but Node. */
import { build } from 'esbuild';

/** The text of the program, to be put into a ConfigMap; less than 40 KB, which a test holds it to. */
export async function modelServerProgram(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL('main.ts', import.meta.url).pathname],
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

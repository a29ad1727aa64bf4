/** Where the operator's image comes from. */
import { zipSync } from 'fflate';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { REFERENCE_BY_DIGEST, withoutOperator, type OperatorSource } from './images.ts';

/** What the Dockerfile copies, and it. */
const INPUTS = [
  'Dockerfile',
  '.dockerignore',
  'package.json',
  'package-lock.json',
  'release/image/**',
  'sbd/**',
  'src/**',
];
const UNWANTED = /\.test\.ts$|_test\.go$|^testdata$|^node_modules$/;

/**
 * The image that `SB_OPERATOR_IMAGE` names, or else the one that this package's release has pushed; of a checkout, what it is built of. Throws SB-E132 where
 * there is none of these. `root`: the package's own folder.
 */
export function operatorSource(
  root: string,
  env: Readonly<Record<string, string | undefined>>,
): OperatorSource {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { operatorImage?: string };
  const reference = env['SB_OPERATOR_IMAGE'] ?? manifest.operatorImage;
  if (reference !== undefined) {
    if (!REFERENCE_BY_DIGEST.test(reference))
      throw withoutOperator(`${JSON.stringify(reference)} is no image by digest`);
    return { kind: 'image', reference };
  }
  if (!existsSync(join(root, 'Dockerfile')) || !existsSync(join(root, 'sbd')))
    throw withoutOperator(
      'this sb names no image of the operator, and is in no checkout that it could be built of',
    );
  return { kind: 'context', archive: archiveOf(root) };
}

/** The same bytes of the same files. */
function archiveOf(root: string): Uint8Array {
  const found = globSync(INPUTS, {
    cwd: root,
    withFileTypes: true,
    exclude: ({ name }) => UNWANTED.test(name),
  });
  const paths = found
    .filter((entry) => entry.isFile())
    .map((entry) => resolve(entry.parentPath, entry.name))
    .sort();
  const files = paths.map((path) => [path.slice(resolve(root).length + 1), readFileSync(path)] as const);
  return zipSync(Object.fromEntries(files), { mtime: '2020-01-01', level: 9 });
}

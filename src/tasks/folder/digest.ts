import { join } from 'node:path';
import ignore from 'ignore';
import { digestOf, followed } from '../hash.ts';
import { textOfFile } from './text.ts';
import { readablePaths } from './walk.ts';
import type { FoundFile } from './walk.ts';

/** What Harbor leaves out of a package that has no `.gitignore`. */
const DEFAULT_IGNORES = ['__pycache__/', '*.pyc', '.DS_Store', '*.swp', '*.swo', '*~'];

/**
 * The digest under which Harbor publishes a task (`publisher/packager.py`): as `taskHash`, with README.md and trajectory.json among the
 * files, without what the task's `.gitignore` names. Unlike Harbor it never reads what a link out of the task leads to.
 */
export async function harborDigest(
  root: string,
  files: readonly (FoundFile & { sha256: string })[],
): Promise<string> {
  const text = await textOfFile(join(root, '.gitignore'));
  const left = ignore().add(text ?? DEFAULT_IGNORES);
  // A link to a file counts as a copy of it; one to anything else does not count.
  const plain = readablePaths({ files });
  const counted = followed(files).filter(
    ({ path, linked }) => plain.has(path) && !linked && !left.ignores(path),
  );
  return digestOf(counted);
}

/**
 * `.harborignore`: gitignore syntax, inherited from folder to folder, heeded only under `tests/`, `solution/` and those of the steps.
 * The file itself never counts as part of a task.
 */
import { join } from 'node:path';
import ignore from 'ignore';
import type { Ignore } from 'ignore';
import { textOfFile } from './text.ts';

export const IGNORE_FILE = '.harborignore';
const SCOPE = /^(steps\/[^/]+\/)?(tests|solution)(\/|$)/;

interface Rules {
  /** The folder that the rules lie in, as a POSIX path with the closing slash. */
  folder: string;
  patterns: Ignore;
}

/** The rules that hold in one folder: its own and those above it. */
export type IgnoreRules = readonly Rules[];

/** Rules of `folder`, which inherits `above`. `files` are the names in it. */
export async function rulesOf(root: string, folder: string, above: IgnoreRules): Promise<IgnoreRules> {
  if (!SCOPE.test(folder)) return above;
  const text = await textOfFile(join(root, folder, IGNORE_FILE));
  return text === undefined ? above : [...above, { folder: `${folder}/`, patterns: ignore().add(text) }];
}

/** Whether the rules leave out `path`; a folder's path ends in a slash. The innermost folder that has a word about it decides. */
export function isIgnored(path: string, rules: IgnoreRules): boolean {
  if (path.endsWith(`/${IGNORE_FILE}`)) return true;
  for (const { folder, patterns } of rules.toReversed()) {
    const { ignored, unignored } = patterns.test(path.slice(folder.length));
    if (ignored || unignored) return ignored;
  }
  return false;
}

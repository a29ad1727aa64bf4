/**
 * Golden files: what a builder renders, reviewed as a diff. The order of keys means nothing in YAML, so nothing here depends on it.
 * `UPDATE_GOLDEN=1` writes them anew.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { dump, load } from 'js-yaml';

const sorted = (object: unknown): string => dump(object, { noRefs: true, lineWidth: -1, sortKeys: true });

/** `name`: within `folder`, by default the one beside this file. */
export async function expectGolden(
  name: string,
  object: object,
  folder = new URL('golden/', import.meta.url),
): Promise<void> {
  const file = new URL(name, folder);
  if (process.env['UPDATE_GOLDEN']) await writeFile(file, dump(object, { noRefs: true, lineWidth: -1 }));
  expect(sorted(object)).to.equal(sorted(load(await readFile(file, 'utf8'))));
}

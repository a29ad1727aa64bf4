/**
 * Golden files: what a builder renders, reviewed as a diff. The order of keys means nothing in YAML, so nothing here depends on it.
 * `UPDATE_GOLDEN=1` writes them anew.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { dump, load } from 'js-yaml';

const sorted = (object: unknown): string => dump(object, { noRefs: true, lineWidth: -1, sortKeys: true });

/** Whether golden files are written anew. */
export const updatesGolden = (): boolean => Boolean(process.env['UPDATE_GOLDEN']);

const FOLDER = new URL('golden/', import.meta.url);

/** The object in the file `name` of `folder`, by default the one beside this file. */
export const readGolden = async <T>(name: string, folder = FOLDER): Promise<T> =>
  load(await readFile(new URL(name, folder), 'utf8')) as T;

export async function expectGolden(name: string, object: object, folder = FOLDER): Promise<void> {
  if (updatesGolden()) await writeFile(new URL(name, folder), dump(object, { noRefs: true, lineWidth: -1 }));
  expect(sorted(object)).to.equal(sorted(await readGolden(name, folder)));
}

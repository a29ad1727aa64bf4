/** Golden files: what a builder renders, reviewed as a diff. `UPDATE_GOLDEN=1` writes them anew. */
import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { dump } from 'js-yaml';

export async function expectGolden(name: string, object: object): Promise<void> {
  const file = new URL(`golden/${name}`, import.meta.url);
  const rendered = dump(object, { noRefs: true, lineWidth: 110 });
  if (process.env['UPDATE_GOLDEN']) await writeFile(file, rendered);
  expect(rendered).to.equal(await readFile(file, 'utf8'));
}

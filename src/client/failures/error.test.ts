import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE, pageOf, type CatalogueEntry } from './error.ts';

const root = join(import.meta.dirname, '../../..');
const codes = Object.entries<CatalogueEntry>(CATALOGUE);

/** All source of client and command line but tests and the catalogue itself. */
const source = ['src/client', 'src/cli']
  .flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(root, room, file),
    ),
  )
  .filter(
    (file) =>
      file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith('client/failures/error.ts'),
  )
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');

describe('The catalogue of failures', () => {
  for (const [code, { title, exit }] of codes) {
    it(`has a page about ${code}, which says what it means and what to do`, () => {
      const page = readFileSync(join(root, pageOf(code as keyof typeof CATALOGUE)), 'utf8');
      expect(page.split('\n', 1)[0]).to.equal(`# ${code}: ${title}`);
      expect(page).to.include(`Exit code ${exit}.`);
      expect(page)
        .to.match(/^## What it means\n\n\S/m)
        .and.to.match(/^## What to do\n\n\S/m);
    });

    it(`has ${code} because something throws it`, () => {
      expect(source.includes(`'${code}'`), code).to.equal(true);
    });
  }

  it('has no page about a failure that is no more', () => {
    const pages = readdirSync(join(root, 'docs/errors')).map((file) => file.replace(/\.md$/, ''));
    expect(pages.filter((page) => !Object.hasOwn(CATALOGUE, page))).to.deep.equal([]);
  });
});

import { expect } from 'chai';
import { readdir, readFile } from 'node:fs/promises';
import { policyDocuments } from './iam.ts';

const FOLDER = new URL('../../../config/aws/iam/', import.meta.url);

describe('The generated IAM policies', () => {
  const documents = policyDocuments();

  it('are these files and no others; otherwise run npm run generate', async () => {
    expect((await readdir(FOLDER)).sort()).to.deep.equal(Object.keys(documents).sort());
  });

  for (const [file, document] of Object.entries(documents)) {
    it(`say what the table says in ${file}; otherwise run npm run generate`, async () => {
      expect(JSON.parse(await readFile(new URL(file, FOLDER), 'utf8'))).to.deep.equal(document);
    });

    it(`keep ${file} within what IAM takes for one policy`, () => {
      // 6,144 characters without white space; placeholders are shorter than what replaces them at most fourfold.
      expect(JSON.stringify(document).length).to.be.below(6_144 / 2);
    });
  }

  it('have placeholders that docs/aws.md explains', async () => {
    const page = await readFile(new URL('../../../docs/aws.md', import.meta.url), 'utf8');
    const names = new Set(JSON.stringify(documents).match(/\$\{\w+\}/g));
    for (const name of names) expect(page).to.contain(`\`${name.slice(2, -1)}\``);
  });
});

import { expect } from 'chai';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { files as single, folders } from '../generate.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('The generated files', () => {
  for (const [folder, files] of Object.entries(folders).filter(([name]) => name.startsWith('config/')))
    it(`say in ${folder} what the types and the objects of an installation say; otherwise run npm run generate`, async () => {
      const path = join(ROOT, folder);
      const found = await readdir(path);
      expect(found.sort()).to.deep.equal(Object.keys(files).sort());
      for (const [file, text] of Object.entries(files))
        expect(load(await readFile(join(path, file), 'utf8')), file).to.deep.equal(load(text));
    });

  for (const [file, text] of Object.entries(single))
    it(`say in ${file} what the alerts and panels say; otherwise run npm run generate`, async () => {
      expect(load(await readFile(join(ROOT, file), 'utf8'))).to.deep.equal(load(text));
    });
});

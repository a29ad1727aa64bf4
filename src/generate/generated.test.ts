import { expect } from 'chai';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { files as single, folders } from '../generate.ts';

const ROOT = join(import.meta.dirname, '../..');

/** YAML by what it says, since Prettier has the last word about how; templates, which are none, as they are. */
const read = (folder: string, text: string): unknown => (folder.includes('/templates') ? text : load(text));

describe('The generated files', () => {
  for (const [folder, files] of Object.entries(folders).filter(([name]) => /^(config|charts)\//.test(name)))
    it(`say in ${folder} what the types and the objects of an installation say; otherwise run npm run generate`, async () => {
      const path = join(ROOT, folder);
      const found = await readdir(path);
      expect(found.sort()).to.deep.equal(Object.keys(files).sort());
      for (const [file, text] of Object.entries(files))
        expect(read(folder, await readFile(join(path, file), 'utf8')), file).to.deep.equal(
          read(folder, text),
        );
    });

  for (const [file, text] of Object.entries(single))
    it(`say in ${file} what its source says; otherwise run npm run generate`, async () => {
      expect(read(file, await readFile(join(ROOT, file), 'utf8'))).to.deep.equal(read(file, text));
    });
});

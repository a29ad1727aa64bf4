import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { definitions } from '../crds/definition.ts';

describe('The generated CustomResourceDefinitions', () => {
  for (const definition of definitions) {
    const { plural } = definition.spec.names;
    it(`say what the types say about ${plural}; otherwise run npm run generate`, async () => {
      const file = await readFile(new URL(`../../config/crd/${plural}.yaml`, import.meta.url), 'utf8');
      expect(load(file)).to.deep.equal(definition);
    });
  }
});

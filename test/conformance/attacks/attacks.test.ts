import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('|') && !/^\| (attack|---)/.test(line));
/** `file` “title”. */
const CITED = /`([^`]+\.test\.ts)` “([^”]+)”/g;

describe('The list of attacks', () => {
  it('names the test that tries each, and no test that is gone', () => {
    const cited = [...page.matchAll(CITED)];
    for (const [, file = '', title = ''] of cited)
      expect(readFileSync(join(root, file), 'utf8'), file).to.include(title);
    const open = page
      .slice(page.indexOf('## Not refused yet'))
      .split('\n')
      .filter((line) => rows.includes(line));
    expect(cited).to.have.length(rows.length - open.length);
  });
});

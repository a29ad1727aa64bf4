import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { format, resolveConfig } from 'prettier';
import { TRIED_ELSEWHERE } from './elsewhere.ts';
import { integrityPage } from './page.ts';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('|') && !/^\| (attack|---)/.test(line));
/** `file` “title”. */
const CITED = /`([^`]+\.test\.ts)` “([^”]+)”/g;

describe('docs/integrity.md', () => {
  const file = join(root, 'docs/integrity.md');

  it('is what the attacks say; otherwise run npm run generate', async () => {
    const made = await format(`${integrityPage()}\n`, { ...(await resolveConfig(file)), filepath: file });
    expect(readFileSync(file, 'utf8')).to.equal(made);
  });

  it('names no test that is gone', () => {
    for (const { file: test, title } of TRIED_ELSEWHERE)
      expect(readFileSync(join(root, test), 'utf8'), test).to.include(title);
  });
});

describe('docs/security.md', () => {
  it('names the tests that try what a Sandbox could do, and none that is gone', () => {
    const security = readFileSync(join(root, 'docs/security.md'), 'utf8');
    const table = security.slice(security.indexOf('| it can try to')).split('\n\n')[0] ?? '';
    const tried = table.split('\n').slice(2);
    expect(tried).to.have.length(14);
    for (const row of tried) {
      const cited = [...row.matchAll(CITED)];
      expect(cited, row).not.to.have.length(0);
      for (const [, file = '', title = ''] of cited)
        expect(readFileSync(join(root, file), 'utf8'), file).to.include(title);
    }
  });
});

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

describe('docs/audit.md', () => {
  it('names the test that answers each question, and no test that is gone', () => {
    const audit = readFileSync(join(root, 'docs/audit.md'), 'utf8');
    const cited = [...audit.matchAll(CITED)];
    for (const [, file = '', title = ''] of cited)
      expect(readFileSync(join(root, file), 'utf8'), file).to.include(title);
    const questions = audit.split('\n').filter((line) => /^\| (?!question|---)/.test(line));
    expect(cited).to.have.length(questions.length);
  });
});

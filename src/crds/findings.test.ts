import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FINDINGS, findingText, verdictOf, type FindingCode } from './findings.ts';

const root = join(import.meta.dirname, '../..');
const pages = join(root, 'docs/integrity');
const finding = (code: FindingCode) => ({ code, message: 'm' });

/** All source of the courier but tests. */
const source = readdirSync(join(root, 'src/courier'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => readFileSync(join(root, 'src/courier', file), 'utf8'))
  .join('\n');

describe('The list of findings', () => {
  for (const [code, { severity, means }] of Object.entries(FINDINGS)) {
    it(`has a page about ${code}, which says what was seen, what it means and what closes it`, () => {
      const page = readFileSync(join(pages, `${code}.md`), 'utf8');
      expect(page.split('\n', 1)[0]).to.equal(`# ${code}: ${means}`);
      expect(page).to.include(`The verdict is ${severity === 'suspicious' ? 'Suspicious.' : 'Unknown,'}`);
      for (const part of ['What was seen', 'What it means for the reward', 'What closes it'])
        expect(page).to.match(new RegExp(`^## ${part}\n\n\\S`, 'm'));
    });

    it(`has ${code} because a courier reports it`, () => {
      expect(source.includes(`'${code}'`), code).to.equal(true);
    });
  }

  it('has no page about a finding that is no more', () => {
    const codes = readdirSync(pages).map((file) => file.replace(/\.md$/, ''));
    expect(codes.filter((code) => !Object.hasOwn(FINDINGS, code))).to.deep.equal([]);
  });
});

describe('A verdict', () => {
  it('is Clean without findings, Suspicious with one that looked like tampering, and Unknown otherwise', () => {
    expect(verdictOf([])).to.equal('Clean');
    expect(verdictOf([finding('AgentWasRoot'), finding('ProcessesLeft')])).to.equal('Unknown');
    expect(verdictOf([finding('AgentWasRoot'), finding('PreloadPlanted')])).to.equal('Suspicious');
  });
});

describe('The text of a finding', () => {
  it('is code and message, or the code alone where there was no room for more', () => {
    expect(findingText(finding('AgentWasRoot'))).to.equal('AgentWasRoot: m');
    expect(findingText({ code: 'AgentWasRoot', message: '' })).to.equal('AgentWasRoot');
  });
});

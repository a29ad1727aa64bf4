import { expect } from 'chai';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTask, unsupportedParts } from '../../../src/tasks/index.ts';
import { difference, otherInHarbor } from './compare.ts';
import { HARBOR, RULES } from './index.ts';
import { rulesPage } from './page.ts';
import { AGENTS, earns, fails, refused } from './rule.ts';
import type { HarborRun, Rule } from './rule.ts';
import { writeTasks } from './write.ts';

const PAGE = join(import.meta.dirname, '../../../docs/conformance.md');
const plain = (page: string): string =>
  page
    .replaceAll(/-{3,}/g, '---')
    .replaceAll(/[ \n]+/g, ' ')
    .trim();

describe('the tasks of the conformance suite', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-rules-'));
    await writeTasks(folder, RULES);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('are one for each rule', () => {
    expect(new Set(RULES.map(({ task }) => task)).size).to.equal(RULES.length);
    for (const { task, oracle, nop } of RULES) expect(oracle ?? nop, task).not.to.equal(undefined);
  });

  it('need nothing that is not supported, unless they expect to be refused', async () => {
    const isRun = ({ oracle, nop }: Rule): boolean =>
      [oracle, nop].some((expected) => expected && !('refused' in expected));
    for (const rule of RULES.filter(isRun))
      expect(unsupportedParts(await readTask(join(folder, rule.task))), rule.task).to.deep.equal([]);
  });

  it('are listed in docs/conformance.md; otherwise run npm run generate', async () => {
    expect(plain(await readFile(PAGE, 'utf8'))).to.equal(plain(rulesPage()));
  });
});

describe('what Harbor makes of a task', () => {
  it('is known for every rule and agent, and for nothing else; otherwise see harbor.ts', () => {
    const agents = (rule: Rule) => AGENTS.filter((agent) => rule[agent]);
    const known = Object.entries(HARBOR.tasks).map(([task, results]) => [task, Object.keys(results).sort()]);
    expect(Object.fromEntries(known)).to.deep.equal(
      Object.fromEntries(RULES.map((rule) => [rule.task, agents(rule).sort()])),
    );
  });

  it('is what we make of it, unless the rule says why not', () => {
    const unexplained = RULES.filter(({ differs }) => !differs).flatMap((rule) =>
      otherInHarbor(rule, HARBOR.tasks[rule.task]).map(([agent, result]) => [rule.task, agent, result]),
    );
    expect(unexplained).to.deep.equal([]);
  });

  it('is another where rewards, exception or files are', () => {
    const rule: Rule = { task: 'a', rule: 'A rule.', source: 'a.py', oracle: refused('f'), nop: earns(1) };
    const same = { rewards: { reward: 1 } };
    expect(otherInHarbor(rule, { nop: same })).to.deep.equal([]);
    expect(otherInHarbor(rule, { nop: 'not run here' })).to.deep.equal([]);
    const others: HarborRun[] = [{}, { ...same, exception: 'E' }, { ...same, files: ['x'] }];
    for (const nop of others) expect(otherInHarbor(rule, { nop })).to.deep.equal([['nop', nop]]);
    expect(otherInHarbor(rule, { oracle: same })).to.deep.equal([['oracle', same]]);
  });
});

describe('what has come of a task', () => {
  const rule: Rule = { task: 'a', rule: 'A rule.', source: 'a.py', results: { x: /^1$/, y: false } };
  const found = { rewards: { reward: 1 }, reason: 'RewardObtained', exception: null, files: { x: '1' } };

  it('is what was expected', () => {
    expect(difference(rule, earns(1), found)).to.equal(undefined);
    expect(difference(rule, refused('f.sh'), { refused: 'a: f.sh is missing' })).to.equal(undefined);
  });

  it('is told with rule, expected and found where it is not', () => {
    expect(difference(rule, fails('RewardEmpty', 'E'), { ...found, files: { x: '2', y: '' } })).to.equal(
      [
        'a: A rule.',
        'expected {"reason":"RewardEmpty","exception":"E"}',
        'found {"rewards":{"reward":1},"reason":"RewardObtained","exception":null}',
        'x has "2"; expected /^1$/',
        'y has ""; expected no file',
      ].join('\n'),
    );
    for (const other of [undefined, { refused: 'f.sh' }, { ...found, exception: 'E' }])
      expect(difference(rule, earns(1), other)).to.be.a('string');
    expect(difference(rule, refused('f.sh'), found)).to.be.a('string');
  });
});

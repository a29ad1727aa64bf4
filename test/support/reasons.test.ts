import { expect } from 'chai';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BUILD_ACTIVE,
  BUILD_DONE,
  BUILD_FAILED,
  TRIAL_ACTIVE,
  TRIAL_DONE,
  TRIAL_FAILED,
} from '../../src/crds/reasons.ts';
import {
  SANDBOX_LOST,
  SANDBOX_READY,
  SANDBOX_STOPPED,
  SANDBOX_WAITING,
} from '../../src/crds/sandbox-reasons.ts';
import { FINDINGS } from '../../src/crds/findings.ts';

const root = join(import.meta.dirname, '../..');
const ATTACKS = 'test/conformance/attacks/on-rewards.ts';
const tests = globSync(['src/**/*.test.ts', 'src/**/contract.ts', 'test/e2e/*.test.ts', ATTACKS], {
  cwd: root,
});
const said = tests.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');

/** Reasons that no test names. */
const unsaid = (...lists: object[]): string[] =>
  lists.flatMap(Object.keys).filter((reason) => !said.includes(`'${reason}'`));

describe('the closed lists of reasons and findings', () => {
  it('have a test for every finding', () => {
    expect(unsaid(FINDINGS)).to.deep.equal([]);
  });

  it('have a test for every reason of a Trial', () => {
    expect(unsaid(TRIAL_ACTIVE, TRIAL_DONE, TRIAL_FAILED)).to.deep.equal([]);
  });

  it('have a test for every reason of a Sandbox', () => {
    expect(unsaid(SANDBOX_READY, SANDBOX_WAITING, SANDBOX_STOPPED, SANDBOX_LOST)).to.deep.equal([]);
  });

  it('have a test for every reason of a TaskBuild', () => {
    expect(unsaid(BUILD_ACTIVE, BUILD_DONE, BUILD_FAILED)).to.deep.equal([]);
  });
});

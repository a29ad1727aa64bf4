import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import type { Hand } from '../hand/hand.ts';
import { stageTests } from './stage.ts';

describe('the tests of a step', () => {
  let task: string;
  beforeEach(() => (task = mkdtempSync(join(tmpdir(), 'sb-stage-'))));
  afterEach(() => rmSync(task, { recursive: true, force: true }));

  const put = (path: string): void => {
    mkdirSync(join(task, dirname(path)), { recursive: true });
    writeFileSync(join(task, path), path);
  };

  it('lie over those of all steps, and take no more of the disk with each step', async () => {
    put('tests/test.sh');
    const staged: string[][] = [];
    const hand = {
      stage: async ({ from }: { from: string }) => {
        staged.push(readdirSync(from).sort());
        return { done: true, background: 0, guests: 0 };
      },
    } as unknown as Hand;
    for (const step of ['one', 'two', 'three']) {
      put(`steps/${step}/tests/${step}.sh`);
      await stageTests(hand, [join(task, 'tests'), join(task, `steps/${step}/tests`)], {});
    }
    expect(staged).to.deep.equal([
      ['one.sh', 'test.sh'],
      ['test.sh', 'two.sh'],
      ['test.sh', 'three.sh'],
    ]);
    const files = readdirSync(task, { recursive: true }).map(String);
    expect(files.filter((path) => path.endsWith('/test.sh'))).to.have.length(2);
  });
});

import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AttemptFailure } from '../failure.ts';
import { readReadyTask } from './ready-task.ts';

describe('a fetched task', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'sb-ready-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const names = (count: number): { name: string }[] =>
    Array.from({ length: count }, (_, at) => ({ name: `step-${at}` }));

  function instructed(steps: readonly { name: string }[], bytes: number): void {
    for (const { name } of steps) {
      mkdirSync(join(folder, 'steps', name), { recursive: true });
      const file = join(folder, 'steps', name, 'instruction.md');
      writeFileSync(file, '');
      truncateSync(file, bytes);
    }
  }

  const failureOf = async (steps: readonly { name: string }[]): Promise<string> =>
    await readReadyTask(folder, steps).then(
      () => 'none',
      (error: unknown) => (error instanceof AttemptFailure ? `${error.reason}: ${error.message}` : 'another'),
    );

  it('has no text that the courier cannot hold', async () => {
    instructed(names(1), 4 * 2 ** 20);
    expect(await failureOf(names(1))).to.equal('none');
    instructed(names(1), 4 * 2 ** 20 + 1);
    expect(await failureOf(names(1))).to.equal(
      'TaskInvalid: steps/step-0/instruction.md has 4194305 bytes; expected at most 4194304',
    );
  });

  it('has not more texts, in all its steps, than the courier can hold', async () => {
    instructed(names(16), 4 * 2 ** 20);
    expect(await failureOf(names(16))).to.equal('none');
    instructed(names(17), 4 * 2 ** 20);
    expect(await failureOf(names(17))).to.match(
      /^TaskInvalid: instructions and scripts up to steps\/step-16\/instruction.md have 71303168 bytes/,
    );
  });
});

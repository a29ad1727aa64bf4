import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { taskDigest, taskHash } from './hash.ts';
import { readTask } from './folder/read.ts';
import type { Task } from './task.ts';
import { compile } from './compile/compile.ts';
import { storedSpec } from './compile/refusals.ts';
import { unsupportedParts } from './unsupported.ts';

const repository = join(import.meta.dirname, '../..');
// oxlint-disable-next-line node/no-process-env -- where more tasks lie is a matter of the machine
const { SB_TASKS_DIR = join(repository, '../shared/tasks/harbor') } = process.env;

async function tasksIn(folder: string): Promise<Task[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map(({ name }) => readTask(join(folder, name))),
  );
}

describe('example tasks', () => {
  it('can be read and run', async () => {
    const tasks = await tasksIn(join(repository, 'examples/tasks'));
    expect(tasks.map(({ name }) => name)).to.include.members(['examples/hello', 'examples/fraction']);
    for (const task of tasks) {
      expect(unsupportedParts(task)).to.deep.equal([]);
      const spec = storedSpec({ task: { name: task.name, s3: { uri: 's3://b/tasks/x' } } });
      const context = { uri: 's3://b/tasks/x/context.zip', sha256: 'a'.repeat(64) };
      expect(compile(spec, { ...task, context }).problems).to.deep.equal([]);
    }
  });
});

describe('tasks of the Harbor project', () => {
  before(function () {
    if (!existsSync(SB_TASKS_DIR)) this.skip();
  });

  it('can all be read and run, those of several steps too', async () => {
    const tasks = await tasksIn(SB_TASKS_DIR);
    expect(tasks).to.not.be.empty;
    const several = tasks.filter(({ config }) => config.steps);
    expect(several).to.not.be.empty;
    for (const task of several) expect(unsupportedParts(task)).to.deep.equal([]);
    // None has a README.md or a .gitignore, so both values are made of the same files.
    for (const task of tasks) expect(taskDigest(task)).to.equal(taskHash(task));
  });
});

import { expect } from 'chai';
import { join } from 'node:path';
import { checkTasks } from '../../../src/tasks/check/check.ts';
import { below, folderOf, GOOD_TASK } from '../../support/folder.ts';
import { GOOD_TOML } from './bad-task.ts';
import { COMPOSE } from './compose.ts';
import { DOCUMENTS } from './documents.ts';
import { FILES } from './files.ts';
import { VALUES } from './values.ts';

const GOOD = { ...GOOD_TASK, 'task.toml': GOOD_TOML };

describe('a bad task', function () {
  this.timeout(60_000);

  for (const { what, files = {}, make = () => {}, name = 'task', at, says } of [
    ...DOCUMENTS,
    ...VALUES,
    ...FILES,
    ...COMPOSE,
  ])
    it(`is told of: ${what}`, async () => {
      const folder = await folderOf(below(name, { ...GOOD, ...files }));
      try {
        const path = join(folder.path, name);
        make(path);
        const { messages } = await checkTasks([path], { strict: false, cwd: folder.path });
        const errors = messages.filter(({ severity }) => severity === 'error');
        const told = errors.map(({ path: file, message }) => [file, message]);
        const found = errors.filter(({ message }) => says.test(message));
        expect(found, JSON.stringify(told).slice(0, 500)).not.to.deep.equal([]);
        expect(
          found.map(({ path: file }) => file),
          what,
        ).to.include(join(path, at));
        for (const { message } of errors) expect(message.length, message.slice(0, 200)).to.be.below(600);
      } finally {
        await folder.remove();
      }
    });
});

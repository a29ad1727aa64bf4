import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  packContext,
  packTask,
  readTask,
  taskKeys,
  taskMetadata,
  trialManifest,
  unsupportedParts,
} from '../../src/tasks/index.ts';
import type { Task } from '../../src/tasks/index.ts';
import { root } from '../support/cluster.ts';
import { harborValidator } from '../support/harbor.ts';
import { ensureBaseImages, s3 } from './cluster/index.ts';
import { basesOf } from './support/images.ts';
import { SMALL, type Story } from './support/story.ts';
import { checkedManifest, storedJson } from './support/stored.ts';
import { trial } from './support/stories.ts';
import { world } from './support/world.ts';

/** Task folders, where there are any; `SB_TASKS_DIR` names others. */
const harborTasks = process.env['SB_TASKS_DIR'] ?? join(root, '../shared/tasks/harbor');
const examples = join(root, 'examples/tasks');

const foldersIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'task.toml')))
        .map(({ name }) => join(folder, name))
    : [];

async function upload(task: Task): Promise<string> {
  const keys = taskKeys('e2e', task);
  const context = await packContext(task);
  await world().artifacts.put(keys.task, await packTask(task));
  await world().artifacts.put(keys.context, context);
  await world().artifacts.put(keys.metadata, JSON.stringify(taskMetadata(task)));
  return createHash('sha256').update(context).digest('hex');
}

const tasks = await Promise.all([...foldersIn(examples), ...foldersIn(harborTasks)].map(readTask));
const runnable = tasks.filter((task) => unsupportedParts(task).length === 0);
const [example] = foldersIn(examples);

/** A task folder as a Trial: packed, uploaded, its image built from its environment/. */
function taskTrial(task: Task, agent: string): Story {
  const options = { bucket: s3.bucket, dataset: 'e2e', agent: { name: agent }, run: 'e2e', variables: {} };
  const name = `${task.name.replace(/.*\//, '').toLowerCase()}-${agent}`;
  const { spec } = trialManifest(task, { ...options, name, contextSha256: '0'.repeat(64) });
  const { environment = {} } = spec;
  const build = environment.build && { ...environment.build };
  return trial(name, {
    spec: { ...spec, environment: { ...environment, ...(build && { build }), resources: SMALL } },
    given: async () => {
      const dockerfile = join(task.dir, 'environment/Dockerfile');
      if (existsSync(dockerfile)) await ensureBaseImages(basesOf(await readFile(dockerfile, 'utf8')));
      const sha256 = await upload(task);
      if (build?.context?.s3) build.context.s3.sha256 = sha256;
    },
  });
}

describe('task folders in Harbor’s format', () => {
  const pairs = runnable.map((task) => ({
    task,
    oracle: taskTrial(task, 'oracle'),
    nop: taskTrial(task, 'nop'),
  }));

  before(function () {
    if (foldersIn(harborTasks).length > 0) return;
    process.stderr.write(`      no tasks in ${harborTasks} (SB_TASKS_DIR): only the project’s own are run\n`);
    if (!example) this.skip();
  });

  for (const { task, oracle, nop } of pairs) {
    const fractional = task.name.endsWith('/fraction');
    it(`${task.name} rewards its solution more than doing nothing`, async () => {
      if (fractional) {
        const [best, least] = [await oracle.done(), await nop.done()].map(
          ({ status }) => status?.reward ?? NaN,
        );
        expect(best).to.be.within(0.01, 0.99);
        expect(least).to.be.lessThan(best ?? NaN);
      } else {
        await oracle.earns(1);
        await nop.earns(0);
      }
    });

    it(`${task.name} leaves results that Harbor can read`, async function () {
      const validate = await harborValidator(this);
      for (const story of [oracle, nop]) {
        const done = await story.done();
        await checkedManifest(done);
        validate('trial-result', await storedJson(done, 'result.json'));
        validate('trial-config', await storedJson(done, 'config.json'));
      }
    });
  }

  for (const task of tasks.filter((one) => !runnable.includes(one)))
    it(`${task.name} is refused before it is uploaded, with the fields that are not supported yet`, () => {
      const refuse = (): unknown =>
        trialManifest(task, {
          bucket: s3.bucket,
          dataset: 'e2e',
          variables: {},
          contextSha256: '0'.repeat(64),
        });
      expect(refuse).to.throw(unsupportedParts(task)[0]?.field ?? '?');
    });
});

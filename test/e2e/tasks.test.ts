import { expect } from 'chai';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { readTask, unsupportedParts, type Task } from '../../src/tasks/index.ts';
import { root, type Said } from '../support/cluster.ts';
import { validateJobFolder } from '../support/harbor.ts';
import { ensureBaseImages } from './cluster/index.ts';
import { basesOf } from './support/images.ts';
import { compareCopies } from './support/mirrored.ts';
import { startSb } from './support/sb.ts';
import { early } from './support/stories.ts';
import { world } from './support/world.ts';

/** `SB_TASKS_DIR` names other tasks than Harbor's own. */
const FOLDERS = {
  examples: join(root, 'examples/tasks'),
  harbor: process.env['SB_TASKS_DIR'] ?? join(root, '../shared/tasks/harbor'),
};
/** Small enough for all of them at once on two nodes. */
const SMALL = ['--cpus', '0.05', '--memory', '64Mi', '--storage', '1Gi'];

const tasksIn = (folder: string): Promise<Task[]> =>
  Promise.all(
    (existsSync(folder) ? readdirSync(folder) : [])
      .map((name) => join(folder, name))
      .filter((path) => existsSync(join(path, 'task.toml')))
      .map((path) => readTask(path)),
  );

async function ensureBases(tasks: Task[]): Promise<void> {
  const dockerfiles = tasks.map(({ dir }) => join(dir, 'environment/Dockerfile')).filter(existsSync);
  const texts = await Promise.all(dockerfiles.map((path) => readFile(path, 'utf8')));
  await ensureBaseImages([...new Set(texts.flatMap(basesOf))]);
}

interface TrialResult {
  task_name: string;
  config: { agent: { name: string } };
  verifier_result: { rewards: { reward?: number } } | null;
}

/** Rewards by task and agent, as the copies tell. */
async function rewardsIn(job: string): Promise<Record<string, number | undefined>> {
  const entries = await readdir(job, { withFileTypes: true });
  const trials = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const results = trials.map(async (name) => {
    const text = await readFile(join(job, name, 'result.json'), 'utf8');
    const { task_name, config, verifier_result } = JSON.parse(text) as TrialResult;
    return [`${task_name} ${config.agent.name}`, verifier_result?.rewards.reward] as const;
  });
  return Object.fromEntries(await Promise.all(results));
}

interface Finished {
  /** Where sb ran. */
  cwd: string;
  said: Said;
  /** The run's folder below it. */
  job: string;
  trials: Trial[];
}

/** `sb cloud run -t <folder>` with two agents, and what has come of it. */
async function runFolder(name: string, path: string): Promise<Finished> {
  const namespace = await world().makeNamespace();
  const cwd = await mkdtemp(join(tmpdir(), 'sb-folders-'));
  await ensureBases(await tasksIn(path));
  const run = `${name}-${namespace}`;
  const agents = ['-a', 'oracle', '-a', 'nop', '--run-name', run];
  const args = ['cloud', 'run', '-t', path, ...agents, '--skip-invalid', ...SMALL];
  const said = await startSb(args, { cwd, namespace }).end;
  const trials = await world().kube.list(TrialKind, { namespace });
  return { cwd, said, job: join(cwd, 'jobs', run), trials };
}

for (const [name, path] of Object.entries(FOLDERS)) {
  const exists = (await tasksIn(path)).length > 0;
  const finished = exists ? early(() => runFolder(name, path)) : undefined;

  describe(`a folder of tasks: ${name}`, () => {
    let cwd: string | undefined;
    let said: Said;
    let job: string;
    let trials: Trial[];

    before(async function () {
      if (finished) ({ cwd, said, job, trials } = await finished());
      else {
        process.stderr.write(`      there are no tasks in ${path} (SB_TASKS_DIR)\n`);
        this.skip();
      }
    });
    after(async () => {
      if (cwd !== undefined) await rm(cwd, { recursive: true, force: true });
    });

    it('rewards solutions more than doing nothing', async () => {
      expect(said.code, said.stderr).to.equal(0);
      const tasks = (await tasksIn(path)).filter((task) => unsupportedParts(task).length === 0);
      const rewards = await rewardsIn(job);
      expect(Object.keys(rewards)).to.have.length(2 * tasks.length);
      for (const { name: task } of tasks) {
        const [best = NaN, least] = [rewards[`${task} oracle`], rewards[`${task} nop`]];
        if (task.endsWith('/fraction')) {
          expect(best).to.be.within(0.01, 0.99);
          expect(least).to.be.lessThan(best);
        } else expect([best, least], task).to.deep.equal([1, 0]);
      }
    });

    it('lists what is left out, with the fields that are not supported yet', async () => {
      const parts = (await tasksIn(path)).flatMap((task) =>
        unsupportedParts(task).map(({ field }) => new RegExp(`left out: .*${basename(task.dir)}.*${field}`)),
      );
      for (const part of parts) expect(said.stderr).to.match(part);
      if (parts.length === 0) expect(said.stderr).to.not.include('left out');
    });

    it('is copied as it is stored', async () => {
      expect(await compareCopies(job, trials)).to.deep.equal({ missing: [], wrong: [], strange: [] });
    });

    it('becomes a job that Harbor’s schemas take', async function () {
      await validateJobFolder(this, job);
    });
  });
}

/** A run of real agents by `sb`, and where their keys are found afterwards: nowhere. */
import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROVIDERS, type ProviderName } from '../../../src/crds/providers.ts';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import type { JobResult } from '../../../src/results/job-result.ts';
import { jobResultKey } from '../../../src/results/keys.ts';
import { kubectl, kubectlOk } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { removeTaskFolder, taskFolder, type Files } from '../../support/folder.ts';
import { ensureProgramBases, modelsUrl, startModels, WORKPLACE, type Models } from '../support/models.ts';
import { startSb } from '../support/sb.ts';
import { rewardIf } from '../support/task.ts';
import { world } from '../support/world.ts';

const AGENTS = {
  'claude-code': 'anthropic',
  codex: 'openai',
  'gemini-cli': 'gemini',
} as const satisfies Record<string, ProviderName>;
const NAMES = Object.keys(AGENTS) as (keyof typeof AGENTS)[];
const TASKS = ['first', 'second', 'third', 'fourth', 'fifth'];
/** The one that no agent solves. */
const UNSOLVED = 'fifth';
const REPEATS = 2;
const PLACE = { name: 'sb-e2e-models-run', port: 7998 };

const task = (name: string): Files => ({
  [`${name}/task.toml`]: `[task]\nname = "e2e/${name}"\n[agent]\ntimeout_sec = 300\n[environment]\ndocker_image = "${WORKPLACE.reference}"\ncpus = 0.1\nmemory_mb = 512\nstorage_mb = 1024\nworkdir = "/work"\n`,
  [`${name}/instruction.md`]: 'Write the word solved into the file answer.txt.\n',
  [`${name}/tests/test.sh`]: `#!/bin/sh\n${rewardIf(`[ "$(cat answer.txt)" = ${name === UNSOLVED ? 'unsolvable' : 'solved'} ]`)}\n`,
});

const optionOf = (name: keyof typeof AGENTS): object => {
  const provider = AGENTS[name];
  return { name, models: [`${provider}/solve-edit`], baseUrl: modelsUrl(PLACE, provider) };
};

describe('a run of three agents', function () {
  this.timeout(1_200_000);
  const keys = Object.fromEntries(NAMES.map((agent) => [agent, `sk-scripted-${randomUUID()}`]));
  let models: Models;
  let namespace = '';
  let cwd = '';
  let tasks = '';

  before(async () => {
    namespace = await world().makeNamespace();
    await ensureProgramBases();
    models = await startModels(PLACE, keys);
    cwd = await mkdtemp(join(tmpdir(), 'sb-agents-'));
    tasks = await taskFolder(Object.assign({}, ...TASKS.map(task)) as Files);
    await WORKPLACE.ensure();
  });
  after(async () => {
    await models?.close();
    await removeTaskFolder(tasks);
    if (cwd !== '') await rm(cwd, { recursive: true, force: true });
  });

  it('says how often each solved what and what it used, and leaves their keys nowhere', async () => {
    const file = join(cwd, 'run.yaml');
    await writeFile(file, JSON.stringify({ agents: NAMES.map(optionOf) }));
    const env = join(cwd, '.env');
    const lines = NAMES.map((agent) => `${PROVIDERS[AGENTS[agent]].key}=${keys[agent]}\n`);
    await writeFile(env, lines.join(''));
    const run = `three-${Date.now().toString(36)}`;
    const args = ['-t', tasks, '-c', file, '--env-file', env, '-k', String(REPEATS), '--run-name', run];
    const ran = await startSb(['cloud', 'run', ...args, '--no-input'], { cwd, namespace }).end;
    expect(ran.code, ran.stderr).to.equal(0);
    await rm(env);
    const shown = await startSb(['run', 'show', run], { cwd, namespace }).end;
    expect(shown.code, shown.stderr).to.equal(0);
    for (const agent of NAMES) expect(shown.stdout).to.contain(agent);

    const trials = await world().kube.list(TrialKind, { namespace });
    expect(trials).to.have.length(NAMES.length * TASKS.length * REPEATS);
    for (const { spec, status } of trials) {
      expect(status?.reward, spec.task.name).to.equal(spec.task.name === `e2e/${UNSOLVED}` ? 0 : 1);
      expect(status?.usage, spec.task.name).to.include({ countedBy: 'Courier' });
    }
    const { evals } = (await finished(run)).stats;
    expect(Object.keys(evals)).to.have.length(NAMES.length);
    for (const [name, { pass_at_k: passed }] of Object.entries(evals))
      expect(passed, name).to.deep.equal({ 2: 0.8 });

    const places = { ...(await ofCluster()), ...(await ofBucket(run)), ...(await ofLaptop()) };
    const said = { 'what sb said': ran.stdout + ran.stderr + shown.stdout };
    for (const [where, text] of Object.entries({ ...places, ...said }))
      for (const [agent, key] of Object.entries(keys))
        expect(text.includes(key), `the key of ${agent} in ${where}`).to.equal(false);
  });

  const finished = (run: string): Promise<JobResult> =>
    eventually(
      `jobs/${run}/result.json is finished`,
      async () => {
        const contents = await world().artifacts.get(jobResultKey(run), 2 ** 20);
        const read = contents && (JSON.parse(Buffer.from(contents).toString()) as JobResult);
        return read && read.finished_at !== null ? read : undefined;
      },
      120,
    );

  /** Every object but Secrets, and the log of every container. */
  async function ofCluster(): Promise<Record<string, string>> {
    const kinds = 'trials,taskbuilds,jobs,pods,configmaps,events,networkpolicies';
    const objects = await kubectlOk(['get', kinds, '-n', namespace, '-o', 'yaml']);
    const pods = (await kubectlOk(['get', 'pods', '-n', namespace, '-o', 'name'])).trim().split('\n');
    const logs = await Promise.all(
      pods.map(async (pod) => (await kubectl(['logs', '-n', namespace, pod, '--all-containers'])).stdout),
    );
    const operator = await kubectlOk(['logs', '-n', 'sb-system', 'statefulset/sb-operator', '--tail=-1']);
    expect(objects.length, 'objects').to.be.greaterThan(10_000);
    expect(logs.join('').length, 'logs').to.be.greaterThan(1_000);
    return { 'the objects': objects, 'the logs of its Pods': logs.join(''), 'the operator’s log': operator };
  }

  async function ofBucket(run: string): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const prefix of [`trials/${run}/`, `jobs/${run}/`])
      for await (const { key } of world().artifacts.list(prefix))
        found[key] = Buffer.from((await world().artifacts.get(key, 2 ** 28)) ?? []).toString('latin1');
    expect(Object.keys(found).length, 'objects of the bucket').to.be.greaterThan(100);
    return found;
  }

  async function ofLaptop(): Promise<Record<string, string>> {
    const entries = await readdir(cwd, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    return Object.fromEntries(
      await Promise.all(files.map(async (path) => [path, await readFile(path, 'latin1')])),
    );
  }
});

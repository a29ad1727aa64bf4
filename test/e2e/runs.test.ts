/** What a run leaves behind as a whole, by whichever way its Trials came into being. */
import { expect } from 'chai';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobResult } from '../../src/results/job-result.ts';
import { jobResultKey, taskEntryKey } from '../../src/results/keys.ts';
import { findJob, recordsOfShard } from '../../src/results/read-index.ts';
import type { TrialRecord } from '../../src/results/record.ts';
import { kubectlOk } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { removeTaskFolder, taskFolder, type Files } from '../support/folder.ts';
import { ensureBaseImages } from './cluster/index.ts';
import { startSb } from './support/sb.ts';
import { world } from './support/world.ts';

const NONCE = Date.now().toString(36);

const task = (name: string, reward: number): Files => ({
  [`${name}/task.toml`]: `[task]\nname = "e2e/${name}"\n[environment]\ndocker_image = "debian:bookworm-slim"\ncpus = 0.05\nmemory_mb = 64\nstorage_mb = 1024\n`,
  [`${name}/instruction.md`]: `Nothing is to be done. ${NONCE}\n`,
  [`${name}/solution/solve.sh`]: '#!/bin/sh\n',
  [`${name}/tests/test.sh`]: `#!/bin/sh\necho ${reward} > /logs/verifier/reward.txt\n`,
});
const COUNT = 2;

/** The run’s own name, the names of its Trials and its times are its own; everything else is not. */
function comparable(run: string, value: object, records: readonly TrialRecord[]): unknown {
  const names = records.map(({ trial_name, name, uid }) => [trial_name, name, uid]).flat();
  const text = JSON.stringify(value, (key, inner: unknown) =>
    key === 'id' || key === 'uid' || key.endsWith('_at') ? undefined : inner,
  );
  return JSON.parse(names.reduce((all, name) => all.replaceAll(name, 'TRIAL'), text).replaceAll(run, 'RUN'));
}

describe('a run', () => {
  let namespace = '';
  let cwd = '';
  let tasks = '';
  before(async function () {
    this.timeout(120_000);
    namespace = await world().makeNamespace();
    cwd = await mkdtemp(join(tmpdir(), 'sb-runs-'));
    tasks = await taskFolder({ ...task('solved', 1), ...task('unsolved', 0) });
    await ensureBaseImages(['debian:bookworm-slim']);
  });
  after(async () => {
    await removeTaskFolder(tasks);
    if (cwd !== '') await rm(cwd, { recursive: true, force: true });
  });

  async function sb(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await startSb(args, { cwd, namespace }).end;
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  /** The aggregate and the index of a run that has ended. */
  async function leftBehind(run: string) {
    const { artifacts } = world();
    const result = await eventually(
      `jobs/${run}/result.json is finished`,
      async () => {
        const contents = await artifacts.get(jobResultKey(run), 2 ** 20);
        const read = contents && (JSON.parse(Buffer.from(contents).toString()) as JobResult);
        return read && read.finished_at !== null ? read : undefined;
      },
      120,
    );
    const { job, manifest } = await findJob(artifacts, { run, namespace });
    const shards = await Promise.all(
      (manifest?.shards ?? []).map((shard) => recordsOfShard(artifacts, job, shard)),
    );
    const records = shards.flat().sort((a, b) => a.task_name.localeCompare(b.task_name));
    expect(records.map(({ rewards }) => rewards)).to.deep.equal([{ reward: 1 }, { reward: 0 }]);
    for (const record of records)
      expect(await artifacts.head(taskEntryKey(record)), taskEntryKey(record)).to.not.equal(undefined);
    expect(result.stats.n_completed_trials).to.equal(COUNT);
    return {
      result: comparable(run, result, records),
      records: records.map((record) => comparable(run, record, records)),
    };
  }

  it('leaves the same behind by kubectl, by sb that detaches, and by sb that stays', async function () {
    this.timeout(300_000);
    const options = ['-t', tasks, '-a', 'oracle', '--no-input'];
    await sb('cloud', 'run', ...options, '--run-name', `${NONCE}-attached`);
    await sb('cloud', 'run', ...options, '--run-name', `${NONCE}-detached`, '--detach');
    const manifests = await sb(
      'cloud',
      'run',
      ...options,
      '--run-name',
      `${NONCE}-applied`,
      '--dry-run',
      '-o',
      'json',
    );
    await kubectlOk(['apply', '-n', namespace, '-f', '-'], JSON.parse(manifests) as object);

    const attached = await leftBehind(`${NONCE}-attached`);
    expect(await leftBehind(`${NONCE}-detached`)).to.deep.equal(attached);
    expect(await leftBehind(`${NONCE}-applied`)).to.deep.equal(attached);

    const copied = JSON.parse(
      await readFile(join(cwd, 'jobs', `${NONCE}-attached`, 'result.json'), 'utf8'),
    ) as JobResult;
    expect(copied.stats.n_completed_trials).to.equal(COUNT);
  });
});

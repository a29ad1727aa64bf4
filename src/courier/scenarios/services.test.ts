import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readTask, taskHash, taskVersion } from '../../tasks/index.ts';
import { removeTaskFolder, taskFolder, type Files } from '../../../test/support/folder.ts';
import { SOLVED } from '../../../test/support/trial-assignment.ts';
import { until } from '../../../test/support/kube.ts';
import { reward, REWARD_1, taskOf, useTrialRuns } from '../../../test/support/trial-scripts.ts';

async function versionOf(files: Files): Promise<string> {
  const folder = await taskFolder(files);
  const task = await readTask(folder);
  await removeTaskFolder(folder);
  return taskVersion(taskHash(task));
}

describe('a Trial and its services', function () {
  const make = useTrialRuns();

  it('waits for broker and storage that are away, and asks for a new grant where one has expired', async () => {
    const run = await make();
    run.services.faults.broker = 503;
    run.services.faults.storage = 503;
    run.services.faults.expireOnce = new Set(['verifier/reward.txt']);
    setTimeout(() => delete run.services.faults.broker, 700);
    setTimeout(() => delete run.services.faults.storage, 1500);
    expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('verifier/reward.txt')).to.equal('1\n');
  });

  it('keeps the reward in the message where the results cannot be stored', async () => {
    const run = await make();
    const finished = run.finish();
    await until('the verifier', () => run.said().includes('agentExecution began'));
    run.services.faults.broker = 403;
    expect((await finished).result).to.deep.include({
      kind: 'failed',
      reason: 'UploadFailed',
      message: 'the results could not be stored: fault; the reward was 1',
    });
  });

  it('leaves out the one file that the storage refuses, and keeps the reward', async () => {
    const refused = async (status: number): Promise<void> => {
      const run = await make();
      run.services.faults.refuse = { 'agent/oracle.txt': status };
      const outcome = await run.finish();
      expect(outcome.result, `${status}: ${run.said()}`).to.deep.equal(REWARD_1);
      expect(outcome.stored).to.include({ skipped: 1 });
      expect(run.manifest().skipped).to.deep.equal([{ path: 'agent/oracle.txt', reason: 'Refused' }]);
    };
    await Promise.all([400, 403, 409].map(refused));
  });

  it('leaves out no file for an answer that passes', async () => {
    const run = await make();
    run.services.faults.passing = 'RequestTimeout';
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(run.manifest().skipped).to.deep.equal([]);
    expect(run.services.faults.passing).to.equal(undefined);
  });

  it('is UploadFailed where the storage refuses what is our own, too', async () => {
    const run = await make();
    const finished = run.finish();
    await until('the agent', () => run.said().includes('agentExecution began'));
    run.services.faults.storage = 404;
    const { result } = await finished;
    expect(result).to.deep.include({ kind: 'failed', reason: 'UploadFailed' });
    expect(JSON.stringify(result))
      .to.include('the storage refused trial.log: status 404')
      .and.include('the reward was 1');
  });

  it('refuses files that are not of the version that the Trial names', async () => {
    const run = await make({
      assignment: { task: { name: 'org/hello', version: '0123456789ab', source: 'archive' } },
    });
    const { result } = await run.finish();
    expect(result).to.deep.equal({
      kind: 'failed',
      reason: 'TaskMismatch',
      message: `the Trial names version 0123456789ab of the task, but its files are version ${await versionOf(SOLVED)}`,
    });
    expect(run.said()).not.to.include('agentExecution began');
  });

  it('runs a task of the version that the Trial names, out of an archive or a ConfigMap', async () => {
    const version = await versionOf(SOLVED);
    const archive = await make({ assignment: { task: { name: 'org/hello', version, source: 'archive' } } });
    expect((await archive.finish()).result, archive.said()).to.deep.equal(REWARD_1);
    const configMap = await make({
      assignment: { task: { name: 'org/hello', version, source: 'configMap' } },
    });
    for (const [path, contents] of Object.entries(SOLVED))
      writeFileSync(join(configMap.pod.paths.task, path.replaceAll('/', '__')), contents);
    expect((await configMap.finish()).result, configMap.said()).to.deep.equal(REWARD_1);
  });

  it('stores nothing where uploads are off', async () => {
    const run = await make({ assignment: { upload: false } });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.equal(REWARD_1);
    expect(outcome.stored).to.equal(undefined);
    expect(run.services.seen).to.deep.equal(['GET /v1/assignment']);
  });

  it('refuses a task that is missing, invalid or another one', async () => {
    const missing = await make({
      services: { refusal: { status: 404, error: 'there is no object s3://bucket/tasks/x/task.zip' } },
    });
    const outcome = await missing.finish();
    expect(outcome.result).to.deep.equal({
      kind: 'failed',
      reason: 'TaskNotFound',
      message: 'there is no object s3://bucket/tasks/x/task.zip',
    });
    expect(outcome.attempt).to.equal(1);
    expect(await missing.pod.exited).to.equal(0);
    const invalid = await make({ services: { archive: Buffer.from('no zip') } });
    expect((await invalid.finish()).result).to.deep.include({ reason: 'TaskInvalid' });
    for (const [status, reason] of [
      [409, 'TaskMismatch'],
      [422, 'TaskInvalid'],
    ] as const) {
      const run = await make({ services: { refusal: { status, error: 'why' } } });
      expect((await run.finish()).result).to.deep.equal({ kind: 'failed', reason, message: 'why' });
    }
  });

  it('refuses a ConfigMap that has changed since the Job was made', async () => {
    const changed = await make({ assignment: { task: { name: 'org/hello', source: 'configMap' } } });
    writeFileSync(join(changed.pod.paths.task, 'tests__test.sh'), 'another');
    const { result } = await changed.finish();
    expect(result).to.deep.include({ kind: 'failed', reason: 'TaskMismatch' });
    expect(JSON.stringify(result)).to.match(/its files were [0-9a-f]{12} and are [0-9a-f]{12}/);
  });

  it('stores 10,000 files', async () => {
    const run = await make({
      files: taskOf(
        [
          'cd /logs/agent; for i in $(seq 100); do mkdir $i; for j in $(seq 100); do echo $i $j > $i/$j; done; done',
        ],
        [reward('true')],
      ),
    });
    const outcome = await run.finish();
    expect(outcome.stored?.files).to.equal(10_004);
  });
});

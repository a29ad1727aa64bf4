import { expect } from 'chai';
import { run } from '../program.ts';
import { below, folderOf, type Folder } from '../../../test/support/folder.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';

const task = (toml: string) => ({
  'task.toml': toml,
  'instruction.md': 'Write hello.\n',
  'environment/Dockerfile': 'FROM debian:13\n',
  'solution/solve.sh': 'true\n',
  'tests/test.sh': 'true\n',
});
const BAD = '[environment.healthcheck]\ncommand = "true"\nretries = 1001\n';
const CAUSE = 'environment.healthcheck.retries is 1001; expected at most 1000';

describe('A task that the API server would refuse', () => {
  let folder: Folder;
  before(async () => {
    folder = await folderOf({
      ...below('ds/bad', task(BAD)),
      ...below('ds/good', task('[environment]\ndocker_image = ""\n[agent]\nuser = "1000:1000"\n')),
    });
  });
  after(() => folder.remove());
  const sb = async (...words: string[]) => {
    const io = recordedIo({ cwd: folder.path });
    return { code: await run(words, io), ...io.terminal };
  };
  const dry = (...words: string[]) =>
    sb('cloud', 'run', '--run-name', 'r', '--dry-run', '-o', 'name', ...words);

  it('is told of by sb task check, with line, field, value and limit', async () => {
    const { code, stdout } = await sb('task', 'check', 'ds', '--ignore', 'shared-verifier');
    expect(code).to.equal(1);
    expect(stdout).to.equal(`ds/bad/task.toml:3:1: error: ${CAUSE} [invalid-task-config]\n`);
  });

  it('is told of by a dry run, while its siblings go on', async () => {
    const { code, stdout, stderr } = await dry('-t', 'ds', '-k', '2');
    expect(code).to.equal(3);
    expect(stdout).to.match(/^(trial\/good-oracle-[0-9a-f]{10}\n){2}$/);
    expect(stderr.match(/code: +SB-E040/g)).to.have.length(2);
    expect(stderr).to.include(CAUSE);
  });

  it('is left out where that is wanted', async () => {
    const { code, stdout, stderr } = await dry('-t', 'ds', '--skip-invalid');
    expect([code, stdout.split('\n').length]).to.deep.equal([0, 2]);
    expect(stderr).to.include(`left out: ds/bad/task.toml: ${CAUSE}`);
  });

  it('keeps the run from being made where it is alone', async () => {
    const { code, stdout, stderr } = await dry('-t', 'ds/bad');
    expect([code, stdout]).to.deep.equal([3, '']);
    expect(stderr).to.include('the API takes none of the 1 Trials').and.include(CAUSE);
  });

  it('is found by what the run adds, too', async () => {
    const many = Array.from({ length: 129 }, (_, at) => ['--ae', `A${at}=`]).flat();
    const { code, stderr } = await dry('-t', 'ds/good', ...many);
    expect(code).to.equal(3);
    expect(stderr).to.include('spec.agent.env has 129 entries; expected at most 128');
  });
});

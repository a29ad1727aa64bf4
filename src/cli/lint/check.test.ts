import { expect } from 'chai';
import { symlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { CliError } from '../failure/error.ts';
import { below, folderOf, GOOD_TASK, type Folder } from '../testing/task-folder.ts';
import { checkTasks, type CheckOptions, type CheckReport } from './check.ts';

const toml = (more: string): string => `${GOOD_TASK['task.toml']}${more}`;

describe('sb task check', () => {
  const folders: Folder[] = [];
  const make = async (files: Record<string, string | undefined>): Promise<string> => {
    const folder = await folderOf(files);
    folders.push(folder);
    return folder.path;
  };
  const check = (path: string, options: Partial<CheckOptions> = {}): Promise<CheckReport> =>
    checkTasks([path], {
      strict: false,
      cwd: path,
      ...options,
      // What the operator runs changes; what the rules say does not.
      ignore: ['unsupported-feature', ...(options.ignore ?? [])],
    });
  /** `rule file:line:column` of each finding. */
  const found = async (
    files: Record<string, string | undefined>,
    options: Partial<CheckOptions> = {},
  ): Promise<string[]> => {
    const path = await make({ ...GOOD_TASK, ...files });
    const { findings } = await check(path, { strict: true, ...options });
    return findings.map(({ rule, path: file, line, column }) =>
      [`${rule} ${relative(path, file)}`, line, column].filter((part) => part !== undefined).join(':'),
    );
  };
  afterEach(async () => {
    for (const folder of folders.splice(0)) await folder.remove();
  });

  it('has nothing to say against a good task, even when it is strict', async () => {
    expect(await found({})).to.deep.equal([]);
  });

  it('tells all problems of a task.toml, with line and column', async () => {
    expect(
      await found({
        'task.toml':
          'schema_version = "1.4"\n[environment]\n  cpus = "two"\nmemory_mb = -1\n[agent]\ntimeout_sec = 0\n',
      }),
    ).to.deep.equal([
      'invalid-task-config task.toml:3:3',
      'invalid-task-config task.toml:4:1',
      'invalid-task-config task.toml:6:1',
    ]);
  });

  it('tells which files are missing beside a task.toml that cannot be used', async () => {
    const wrong = { 'task.toml': toml('').replace('cpus = 1', 'cpus = "two"') };
    const bare = { ...wrong, 'instruction.md': undefined, 'environment/Dockerfile': undefined };
    expect(await found({ ...bare, 'solution/solve.sh': undefined })).to.deep.equal([
      'invalid-task-files environment/Dockerfile',
      'invalid-task-files instruction.md',
      'invalid-task-config task.toml:10:1',
    ]);
  });

  it('tells where text stops to be TOML, and what is wrong with the files all the same', async () => {
    const path = await make({ ...GOOD_TASK, 'task.toml': 'a = 1\nb = = 2\n' });
    await symlink('/etc/passwd', join(path, 'environment/passwd'));
    const { findings, failed } = await check(path);
    expect(findings.map(({ rule, line, column }) => [rule, line, column])).to.deep.equal([
      ['invalid-task-files', undefined, undefined],
      ['invalid-task-config', 2, 5],
    ]);
    expect(failed).to.equal(true);
  });

  it('looks at all tasks below a folder and goes on after a bad one', async () => {
    const path = await make({
      ...below('a', { ...GOOD_TASK, 'instruction.md': undefined }),
      ...below('deep/er/b', GOOD_TASK),
      ...below('c', { ...GOOD_TASK, 'tests/test.sh': undefined, 'environment/Dockerfile': undefined }),
    });
    const { tasks, findings } = await check(path);
    expect(tasks).to.equal(3);
    expect(findings.map(({ path: file }) => relative(path, file))).to.deep.equal([
      'a/instruction.md',
      'c/environment/Dockerfile',
      'c/tests/test.sh',
    ]);
  });

  it('finds fault with a folder that holds no task, and with a file', async () => {
    const path = await make({ 'notes.txt': 'x' });
    const { findings } = await checkTasks([path, join(path, 'notes.txt')], { strict: false, cwd: path });
    expect(findings.map(({ message }) => message.split(';')[0])).to.deep.equal([
      'holds no task',
      'is not a folder',
    ]);
  });

  it('rejects a path that is not there', async () => {
    const error = await check('/no/such/folder').catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'ENOENT');
  });

  it('tells of fields that mean nothing, and which one is meant', async () => {
    const path = await make({
      ...GOOD_TASK,
      'task.toml': toml('docker_imag = "x"\n[metadata]\nanything = 1\n[surprise]\na = 1\n'),
    });
    const { findings, failed } = await check(path);
    expect(findings.map(({ message, line }) => [message, line])).to.deep.equal([
      ['environment.docker_imag means nothing; expected perhaps docker_image', 11],
      ['surprise means nothing; expected it to be left out', 14],
    ]);
    expect(failed).to.equal(false);
    expect((await check(path, { strict: true })).failed).to.equal(true);
  });

  it('knows the fields of before', async () => {
    expect(
      await found({
        'task.toml': toml('memory = "2G"\nallow_internet = true\n').replace('schema_version', 'version'),
      }),
    ).to.deep.equal([]);
  });

  it('tells of a verifier that shares the agent’s container, and of an agent that is root', async () => {
    expect(
      await found({ 'task.toml': 'schema_version = "1.4"\n[verifier]\ntimeout_sec = 5\n' }),
    ).to.deep.equal(['root-agent task.toml', 'shared-verifier task.toml:2:1']);
  });

  it('does not look for optional rules unless it is strict or they are asked for', async () => {
    const files = { 'environment/Dockerfile': 'FROM debian:12\n' };
    expect(await found(files, { strict: false })).to.deep.equal([]);
    expect(await found(files, { strict: false, extendSelect: ['unpinned-image'] })).to.deep.equal([
      'unpinned-image environment/Dockerfile:1:1',
    ]);
    expect(await found(files, { strict: false, select: ['shared-verifier'] })).to.deep.equal([]);
    expect(await found(files, { strict: true, ignore: ['unpinned-image'] })).to.deep.equal([]);
  });

  it('lets a task and its dataset choose rules, and the command line over both', async () => {
    const path = await make({
      'dataset.toml': '[metadata.harbor.lint]\nextend-select = ["unpinned-image"]\n',
      ...below('a', { ...GOOD_TASK, 'environment/Dockerfile': 'FROM debian:12\n' }),
      ...below('b', {
        ...GOOD_TASK,
        'environment/Dockerfile': 'FROM debian:12\n',
        'task.toml': toml('[metadata.harbor.lint]\nignore = ["unpinned-image"]\n'),
      }),
    });
    const files = async (options: Partial<CheckOptions>): Promise<string[]> =>
      (await check(path, options)).findings.map(({ path: file }) => relative(path, file));
    expect(await files({})).to.deep.equal(['a/environment/Dockerfile']);
    expect(await files({ extendSelect: ['unpinned-image'] })).to.have.length(2);
    expect(await files({ ignore: ['unpinned-image'] })).to.deep.equal([]);
  });

  it('fails for a warning that was asked for by name', async () => {
    const path = await make({ ...GOOD_TASK, 'environment/Dockerfile': 'FROM debian:12\n' });
    expect((await check(path, { select: ['unpinned-image'] })).failed).to.equal(true);
  });

  it('refuses a rule that does not exist, and says which one is meant', async () => {
    const error = await check('/tmp', { select: ['unpined-image'] }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(CliError).and.have.property('why').include('did you mean unpinned-image?');
  });

  it('tells of artifacts that want the same place or hold logs', async () => {
    const artifacts =
      'artifacts = ["/app/out", {source = "/data", destination = "app/out/x"}, "/logs", "/app/out/x"]\n';
    expect(await found({ 'task.toml': artifacts + GOOD_TASK['task.toml'] })).to.have.members([
      'overlapping-artifacts task.toml:1:1',
      'overlapping-artifacts task.toml:1:1',
      'overlapping-artifacts task.toml:1:1',
      'artifact-log-overlap task.toml:1:1',
    ]);
  });

  it('tells of what tests install and download where the verifier has an image of its own', async () => {
    const script =
      'pip install pytest==8.0.0\ncurl -o /tmp/x https://example.com/x \\\n  --fail\ncurl -fsS https://example.com/health\n';
    expect(await found({ 'tests/test.sh': script })).to.deep.equal([
      'verifier-runtime-install tests/test.sh:1:1',
      'verifier-network-download tests/test.sh:2:1',
    ]);
  });

  it('tells of tests in the agent’s image', async () => {
    const dockerfile = `${GOOD_TASK['environment/Dockerfile']}COPY --chown=1 tests/test.sh solution/solve.sh /x/\n`;
    expect(await found({ 'environment/Dockerfile': dockerfile })).to.deep.equal([
      'agent-image-test-leak environment/Dockerfile:2:1',
    ]);
  });

  it('tells of what the operator does not run', async () => {
    const path = await make({ ...GOOD_TASK, 'task.toml': toml('os = "windows"\n') });
    const { findings, failed } = await checkTasks([path], { strict: false, cwd: path });
    const [finding] = findings.filter(({ message }) => message.startsWith('environment.os'));
    expect(finding).to.include({ rule: 'unsupported-feature', severity: 'error', line: 11, column: 1 });
    expect(failed).to.equal(true);
  });

  it('tells of an empty instruction', async () => {
    expect(
      await found({ 'instruction.md': '<!-- canary -->\n \n'.replace('<!-- canary -->', '') }),
    ).to.deep.equal(['invalid-task-files instruction.md:1:1']);
  });

  it('checks a hundred tasks at once', async function () {
    const path = await make(
      Object.assign({}, ...Array.from({ length: 100 }, (_, index) => below(`t${index}`, GOOD_TASK))),
    );
    expect((await check(path)).tasks).to.equal(100);
  });
});

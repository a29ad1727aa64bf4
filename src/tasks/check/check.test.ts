import { expect } from 'chai';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { below, folderOf, GOOD_TASK, type Folder } from '../../../test/support/folder.ts';
import { checkTasks, type CheckReport } from './check.ts';

type CheckOptions = Parameters<typeof checkTasks>[1];

const toml = (more: string): string => `${GOOD_TASK['task.toml']}${more}`;

describe('sb task check', () => {
  const folders: Folder[] = [];
  const make = async (files: Parameters<typeof folderOf>[0]): Promise<string> => {
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
  /** `rule file:line:column` of each message. */
  const found = async (
    files: Record<string, string | undefined>,
    options: Partial<CheckOptions> = {},
  ): Promise<string[]> => {
    const path = await make({ ...GOOD_TASK, ...files });
    const { messages } = await check(path, { strict: true, ...options });
    return messages.map(({ rule, path: file, line, column }) =>
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
    await symlink('/etc/passwd', join(path, 'tests/passwd'));
    const { messages, failed } = await check(path);
    expect(messages.map(({ rule, line, column }) => [rule, line, column])).to.deep.equal([
      ['invalid-task-config', 2, 5],
      ['invalid-task-files', undefined, undefined],
    ]);
    expect(failed).to.equal(true);
  });

  it('tells what is missing beside a task.toml that is no TOML, as far as it can be told', async () => {
    const bare = {
      'instruction.md': undefined,
      'environment/Dockerfile': undefined,
      'tests/test.sh': undefined,
    };
    const only = (rest: string) => found({ ...bare, 'task.toml': `x = = 1\n${rest}` }, { strict: false });
    const config = 'invalid-task-config task.toml:1:5';
    const instruction = 'invalid-task-files instruction.md';
    const dockerfile = 'invalid-task-files environment/Dockerfile';
    const test = 'invalid-task-files tests/test.sh';
    expect(await only('')).to.deep.equal([dockerfile, instruction, config, test]);
    expect(await only('docker_image = "x"')).to.deep.equal([instruction, config, test]);
    expect(await only('[verifier.environment]')).to.deep.equal([dockerfile, instruction, config]);
    expect(await only('[[steps]]')).to.deep.equal([config]);
  });

  it('names unsupported fields beside those that do not fit', async () => {
    const path = await make({
      ...GOOD_TASK,
      'task.toml': `${toml('').replace('cpus = 1', 'cpus = "two"')}\n[environment.tpu]\ntype = "a"\ntopology = "2x4"\n`,
    });
    const { messages } = await checkTasks([path], { strict: false, cwd: path });
    const errors = messages.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ message }) => message)).to.deep.equal([
      'environment.cpus is "two"; expected a number of CPUs greater than 0',
      'environment.tpu: TPUs are not supported',
    ]);
  });

  it('says of a task for Windows that it is not supported, and not that it is wrong', async () => {
    const path = await make({
      ...GOOD_TASK,
      'task.toml': toml('os = "windows"\nworkdir = "C:\\\\app"\n'),
      'tests/test.sh': undefined,
      'environment/Dockerfile': 'FROM windows\nCOPY app\\x C:\\app\\x\n',
    });
    const { messages } = await checkTasks([path], { strict: false, cwd: path });
    const errors = messages.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ message }) => message)).to.deep.equal(['environment.os: only linux is supported']);
  });

  it('tells of what cannot be read in one task and goes on with the others', async () => {
    const path = await make({ ...below('a', GOOD_TASK), ...below('b', GOOD_TASK), ...below('c', GOOD_TASK) });
    await writeFile(Buffer.concat([Buffer.from(join(path, 'a/tests/caf')), Buffer.of(0xe9)]), 'x');
    await rm(join(path, 'b/tests/test.sh'));
    await symlink('test.sh', join(path, 'b/tests/test.sh'));
    const { tasks, messages } = await check(path);
    expect(tasks).to.equal(3);
    expect(messages.map(({ message }) => message)).to.deep.equal([
      '"tests/caf\ufffd" has a backslash, a control character or broken UTF-8 in its path; rename it',
      'tests/test.sh is a link that leads nowhere; remove it',
      'tests/test.sh is missing; expected the script that writes the reward',
    ]);
  });

  it('misses the tests of a shared verifier, whatever else is wrong in task.toml', async () => {
    const shared = '[verifier]\nenvironment_mode = "shared"\n';
    for (const broken of ['[environment]\ncpus = 0\n', 'broken\n']) {
      const path = await make({ ...GOOD_TASK, 'task.toml': shared + broken, 'tests/test.sh': undefined });
      const { messages } = await check(path);
      expect(messages.map(({ message }) => message)).to.include(
        'tests/test.sh is missing; expected the script that writes the reward',
      );
    }
  });

  it('tells of what the API would refuse beside whatever else is wrong', async () => {
    const env = '[environment.env]\nmy-var = "1"\n';
    const said = 'the name of environment.env.my-var is "my-var"; expected ';
    for (const files of [
      { 'task.toml': `${env}[verifier]\ntimeout_sec = 0\n` },
      { 'task.toml': env, 'instruction.md': undefined },
      { 'task.toml': `${env}[environment.tpu]\ntype = "a"\ntopology = "2x4"\n` },
      { 'task.toml': `${env}[[steps]]\nname = "one"\n` },
    ]) {
      const { messages } = await check(await make({ ...GOOD_TASK, ...files }));
      expect(messages.filter(({ message }) => message.startsWith(said))).to.have.length(1);
    }
  });

  it('tells of a task.toml and a dataset.toml that cannot be read', async () => {
    const path = await make({ ...below('a', GOOD_TASK), ...below('b', GOOD_TASK) });
    await rm(join(path, 'a/task.toml'));
    await mkdir(join(path, 'a/task.toml'));
    await mkdir(join(path, 'dataset.toml'));
    const { tasks, messages } = await check(path);
    expect(tasks).to.equal(2);
    expect(messages.map(({ path: file, message }) => [relative(path, file), message])).to.deep.equal([
      ['a/task.toml', 'task.toml is no file; expected one'],
    ]);
  });

  it('tells of a script whose interpreter ends in a carriage return', async () => {
    expect(
      await found({ 'tests/test.sh': '#!/bin/bash\r\nexit 0\r\n', 'solution/solve.sh': '#!/bin/sh\nx\r\n' }),
    ).to.deep.equal(['carriage-return tests/test.sh:1:1']);
  });

  it('tells what a Dockerfile copies that is not there', async () => {
    const dockerfile = `FROM debian@sha256:${'0'.repeat(64)}\nCOPY app /app\nCOPY lib kept /lib/\n`;
    const files = { 'environment/Dockerfile': dockerfile, 'environment/app/x': '', 'environment/kept': '' };
    expect(await found(files)).to.deep.equal(['missing-copy-source environment/Dockerfile:3:1']);
    const ignoring = { ...files, 'environment/.dockerignore': 'app' };
    expect(await found(ignoring)).to.deep.equal([
      'missing-copy-source environment/Dockerfile:2:1',
      'missing-copy-source environment/Dockerfile:3:1',
    ]);
    // Its own goes before the context's.
    expect(await found({ ...ignoring, 'environment/Dockerfile.dockerignore': '' })).to.have.length(1);
  });

  it('looks at all tasks below a folder and goes on after a bad one', async () => {
    const path = await make({
      ...below('a', { ...GOOD_TASK, 'instruction.md': undefined }),
      ...below('deep/er/b', GOOD_TASK),
      ...below('c', { ...GOOD_TASK, 'tests/test.sh': undefined, 'environment/Dockerfile': undefined }),
    });
    const { tasks, messages } = await check(path);
    expect(tasks).to.equal(3);
    expect(messages.map(({ path: file }) => relative(path, file))).to.deep.equal([
      'a/instruction.md',
      'c/environment/Dockerfile',
      'c/tests/test.sh',
    ]);
  });

  it('finds fault with a folder that holds no task, and with a file', async () => {
    const path = await make({ 'notes.txt': 'x' });
    const { messages } = await checkTasks([path, join(path, 'notes.txt')], { strict: false, cwd: path });
    expect(messages.map(({ message }) => message.split(';')[0])).to.deep.equal([
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
    const { messages, failed } = await check(path);
    expect(messages.map(({ message, line }) => [message, line])).to.deep.equal([
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

  it('says of a shared verifier that a default could move it, unless the task says where it runs', async () => {
    const told = async (says: string): Promise<string | undefined> => {
      const path = await make({ ...GOOD_TASK, 'task.toml': `schema_version = "1.4"\n[verifier]\n${says}` });
      return (await check(path, { strict: true })).messages.find(({ rule }) => rule === 'shared-verifier')
        ?.message;
    };
    expect(await told('timeout_sec = 5\n')).to.match(
      /agent had, unless the namespace or the installation says otherwise;/,
    );
    expect(await told('environment_mode = "shared"\n')).to.match(/agent had; expected/);
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
      (await check(path, options)).messages.map(({ path: file }) => relative(path, file));
    expect(await files({})).to.deep.equal(['a/environment/Dockerfile']);
    expect(await files({ extendSelect: ['unpinned-image'] })).to.have.length(2);
    expect(await files({ ignore: ['unpinned-image'] })).to.deep.equal([]);
  });

  it('fails for a warning that was asked for by name', async () => {
    const path = await make({ ...GOOD_TASK, 'environment/Dockerfile': 'FROM debian:12\n' });
    expect((await check(path, { select: ['unpinned-image'] })).failed).to.equal(true);
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
    const { messages, failed } = await checkTasks([path], { strict: false, cwd: path });
    const [first] = messages.filter(({ message }) => message.startsWith('environment.os'));
    expect(first).to.include({ rule: 'unsupported-feature', severity: 'error', line: 11, column: 1 });
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

import { chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { unzipSync } from 'fflate';
import { MINIMAL, type Files } from '../../../test/support/task-folder.ts';
import { packContext, packTask, type Task } from '../../tasks/index.ts';
import { CliError } from '../failure/error.ts';
import { problemsOf } from './problems.ts';
import { readTasks, selectTasks, type SelectOptions } from './select.ts';

describe('Selecting tasks', () => {
  let root: string;
  beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'sb-select-'))));
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function write(folder: string, files: Files = MINIMAL): Promise<string> {
    for (const [path, contents] of Object.entries(files)) {
      const target = join(root, folder, path);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, contents);
    }
    return join(root, folder);
  }

  const namesOf = async (options: Partial<SelectOptions> = {}): Promise<string[]> =>
    (await selectTasks({ path: root, ...options })).tasks.map(({ task }) => task.name);

  async function refusal(options: Partial<SelectOptions> = {}): Promise<CliError> {
    const error: unknown = await selectTasks({ path: root, ...options }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(CliError);
    return error as CliError;
  }

  it('takes the folder of one task', async () => {
    expect(await namesOf({ path: await write('hello') })).to.deep.equal(['hello']);
  });

  it('finds tasks at any depth, in the order of their paths, and looks into no task and no hidden folder', async () => {
    for (const folder of ['b/c/deep', 'a', 'b/x', '.git/hidden', 'node_modules/pkg', 'a/tests/inner'])
      await write(folder);
    expect(await namesOf()).to.deep.equal(['a', 'deep', 'x']);
  });

  it('follows links to folders, each folder once, and does not run in circles', async () => {
    await write('tasks/one');
    await symlink(root, join(root, 'tasks/loop'));
    await symlink(join(root, 'tasks/one'), join(root, 'again'));
    expect(await namesOf()).to.have.length(1);
  });

  it('gives the digest of the context only where something is built', async () => {
    await write('built');
    await write('ready', { ...MINIMAL, 'task.toml': '[environment]\ndocker_image = "debian:13"\n' });
    const { tasks } = await selectTasks({ path: root, skipInvalid: true });
    const digests = Object.fromEntries(tasks.map(({ task, contextSha256 }) => [task.name, contextSha256]));
    expect(digests['built']).to.match(/^[0-9a-f]{64}$/);
    expect(Object.keys(digests)).to.deep.equal(['built', 'ready']);
    expect(digests['ready']).to.equal(undefined);
  });

  it('includes and excludes by patterns on the task’s and the folder’s name, then limits', async () => {
    await write('one');
    await write('two', { ...MINIMAL, 'task.toml': '[task]\nname = "acme/zwei"\n' });
    await write('three');
    expect(await namesOf({ include: ['t*'] })).to.deep.equal(['three', 'acme/zwei']);
    expect(await namesOf({ include: ['acme/*'] })).to.deep.equal(['acme/zwei']);
    expect(await namesOf({ include: ['*'], exclude: ['tw?', 'one'] })).to.deep.equal(['three']);
    expect(await namesOf({ limit: 2 })).to.deep.equal(['one', 'three']);
  });

  it('says which tasks there were when the patterns leave none', async () => {
    await write('one');
    const { code, why } = await refusal({ include: ['two'] });
    expect(code).to.equal('SB-E032');
    expect(why).to.equal('-i two leave none of 1: one');
  });

  it('names every problem of every invalid task with file and line', async () => {
    await write('bad', { ...MINIMAL, 'task.toml': '[agent]\ntimeout_sec = "x"\n' });
    await write('worse', { ...MINIMAL, 'task.toml': 'a = = 1\n' });
    await write('unnamed', { 'instruction.md': 'x', 'tests/test.sh': 'x' });
    await write('fine');
    const { code, what, why, exit } = await refusal();
    expect([code, exit]).to.deep.equal(['SB-E014', 2]);
    expect(what).to.match(/^3 folders are no valid task/);
    const lines = why.split('\n');
    expect(lines[0]).to.match(/^bad\/task\.toml:2: agent\.timeout_sec is "x"; expected/);
    expect(lines[1]).to.match(/^unnamed: task\.toml is missing/);
    expect(lines[2]).to.match(/^worse\/task\.toml:1:\d+: not valid TOML/);
  });

  it('leaves out invalid tasks when told to, and reports them', async () => {
    await write('bad', { 'task.toml': '' });
    await write('fine');
    const { tasks, invalid } = await selectTasks({ path: root, skipInvalid: true });
    expect(tasks.map(({ task }) => task.name)).to.deep.equal(['fine']);
    expect(invalid.map(({ folder }) => folder)).to.deep.equal([join(root, 'bad')]);
  });

  it('does not mind an invalid task that is excluded', async () => {
    await write('bad', { 'task.toml': '' });
    await write('fine');
    expect(await namesOf({ exclude: ['bad'] })).to.deep.equal(['fine']);
  });

  it('fails where only invalid tasks are left', async () => {
    await write('bad', { 'task.toml': '' });
    expect((await refusal({ skipInvalid: true })).code).to.equal('SB-E014');
  });

  it('names both folders of two tasks with one name and different contents', async () => {
    await write('a/same');
    await write('b/same', { ...MINIMAL, 'instruction.md': 'Do something else.\n' });
    const { code, why } = await refusal();
    expect(code).to.equal('SB-E031');
    expect(why).to.equal(`${root}/a/same and ${root}/b/same differ in instruction.md`);
  });

  it('tells two tasks apart that differ in an executable bit alone', async () => {
    await write('a/same');
    const other = await write('b/same');
    await chmod(join(other, 'tests/test.sh'), 0o755);
    expect((await refusal()).why).to.match(/differ in tests\/test\.sh$/);
  });

  it('takes two copies of a task once', async () => {
    await write('a/same');
    await write('b/same');
    expect(await namesOf()).to.deep.equal(['same']);
  });

  it('says that a path is not there, is a file, or holds no task', async () => {
    const missing = await refusal({ path: join(root, 'nowhere') });
    expect([missing.code, missing.why]).to.deep.equal(['SB-E013', 'there is no such folder']);
    await writeFile(join(root, 'file'), '');
    const file = await refusal({ path: join(root, 'file') });
    expect([file.code, file.why]).to.deep.equal(['SB-E013', 'it is a file']);
    const empty = await refusal();
    expect([empty.code, empty.why]).to.deep.equal(['SB-E030', 'no folder in it has a task.toml']);
  });

  it('refuses a link out of the task’s folder', async () => {
    await write('leaky');
    await symlink('/etc/passwd', join(root, 'leaky/tests/passwd'));
    expect((await refusal()).why).to.match(/^leaky: tests\/passwd is a link out of the task’s folder/);
  });

  it('refuses a task of 2 GB and names the file', async function () {
    this.timeout(60_000);
    await write('huge', { ...MINIMAL, 'environment/disk.img': '' });
    await truncate(join(root, 'huge/environment/disk.img'), 2 ** 31);
    expect((await refusal()).why).to.match(
      /2049 MiB of files, of which environment\/disk\.img is 2048 MiB; expected at most 1024 MiB/,
    );
  });

  it('refuses names that the API does not take: emoji, and more than 200 characters', async () => {
    await write('🦊');
    const long = 'x'.repeat(201);
    await write(long);
    const { why } = await refusal();
    expect(why).to.match(/the name has 201 characters; expected at most 200/);
    expect(why).to.match(/the name "🦊" has characters other than letters/);
  });

  it('leaves out what looks secret and is kept out of Git, and says so', async () => {
    await mkdir(join(root, '.git'));
    await writeFile(join(root, '.gitignore'), 'token.txt\n*.log\n');
    await write('leaky', {
      ...MINIMAL,
      '.gitignore': '.env*\n!.env.example\nprivate/\n',
      'environment/.env': 'KEY=hush',
      'environment/.env.example': 'KEY=',
      'environment/private/a': 'hush',
      'tests/token.txt': 'hush',
      'tests/fetched.log': 'kept, as Harbor does',
      'solution/key.pem': 'in Git, so no secret',
    });
    const [selected] = (await selectTasks({ path: root })).tasks;
    expect(selected?.leftOut).to.deep.equal(['environment/.env', 'environment/private/a', 'tests/token.txt']);
    const names = Object.keys(unzipSync(await packTask(selected?.task as Task)));
    expect(names).to.include.members(['environment/.env.example', 'tests/fetched.log', 'solution/key.pem']);
    expect(names).to.not.include.members(selected?.leftOut ?? []);
    const context = Object.keys(unzipSync(await packContext(selected?.task as Task)));
    expect(context).to.deep.equal(['.env.example', 'Dockerfile']);
  });

  it('explains a file that cannot be read', () => {
    const error = Object.assign(new Error('EACCES'), {
      code: 'EACCES',
      syscall: 'open',
      path: '/tasks/a/tests/test.sh',
    });
    const [problem] = problemsOf('/tasks/a', error);
    expect(problem?.message).to.equal('tests/test.sh cannot be read: permission denied');
  });

  it('throws on what is a fault of its own', () => {
    expect(() => problemsOf('/tasks/a', new TypeError('x'))).to.throw(TypeError);
  });

  it('lists all folders, valid or not, for a check', async () => {
    await write('bad', { 'task.toml': '' });
    await write('fine');
    const found = await readTasks(root);
    expect(found.map((one) => 'problems' in one)).to.deep.equal([true, false]);
  });
});

import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { sha256 } from '../../../crds/names.ts';
import { unzipSync } from 'fflate';
import { MINIMAL, type Files } from '../../../../test/support/folder.ts';
import { packContext, packTask, type Task } from '../../../tasks/index.ts';
import { CliError } from '../../failures/error.ts';
import { grouped, problemsOf } from '../../../tasks/folder/problems.ts';
import { createBudget } from '../../../async/in-parallel.ts';
import { readFolder } from './read.ts';
import { selectTasks, fits, type SelectOptions } from './select.ts';

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

  it('gives the digest of each folder of tests that has a Dockerfile, packed without its path', async () => {
    const files = {
      'task.toml': '[environment]\ndocker_image = "debian:13"\n',
      'tests/Dockerfile': 'FROM judge\n',
    };
    await write('judged', { ...MINIMAL, ...files });
    const [selected] = (await selectTasks({ path: root })).tasks;
    const { task, testContexts } = selected!;
    const context = await packContext(task, 'tests/');
    expect(Object.keys(unzipSync(context))).to.have.members(['Dockerfile', 'test.sh']);
    expect(testContexts).to.deep.equal({ 'tests/': sha256(context) });
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

  it('counts a cause that many tasks share, with ten examples', async () => {
    for (let index = 10; index < 40; index += 1)
      await write(`bad-${index}`, { ...MINIMAL, 'task.toml': `[environment]\ncpus = "${index}x"\n` });
    await write('other', { ...MINIMAL, 'task.toml': '[agent]\ntimeout_sec = 0\n' });
    const lines = (await refusal()).why.split('\n');
    expect(lines[0]).to.match(/^30 times: environment\.cpus is "10x"; expected a number of CPUs/);
    expect(
      lines.slice(1, 11).every((line) => /^ {2}bad-\d+\/task\.toml:2: environment\.cpus/.test(line)),
    ).to.equal(true);
    expect(lines[11]).to.equal('  … and 20 more');
    expect(lines[12]).to.match(/^other\/task\.toml:2: agent\.timeout_sec is 0/);
    expect(lines).to.have.length(13);
  });

  it('counts a cause that names other things in each task', () => {
    const lines = Array.from(
      { length: 30 },
      (_, at) => `"f${at}"${at % 2 ? ', "g"' : ''} may become another version`,
    );
    const one = (line: string): string => line;
    expect(grouped(lines, { cause: one, line: one })).to.have.length(12);
  });

  it('names what this version does not run beside what is wrong, of the same task and of others', async () => {
    const tpu = '[environment.tpu]\ntype = "a"\ntopology = "2x4"\n';
    await write('both', { ...MINIMAL, 'task.toml': `[agent]\ntimeout_sec = 0\n${tpu}` });
    await write('only', { ...MINIMAL, 'task.toml': tpu });
    const { what, why } = await refusal();
    expect(what).to.match(/^a folder is no valid task/);
    expect(why.split('\n')).to.deep.equal([
      'both/task.toml:2: agent.timeout_sec is 0; expected a number of seconds greater than 0',
      'both/task.toml: environment.tpu: TPUs are not supported',
      'only/task.toml: environment.tpu: TPUs are not supported',
    ]);
  });

  it('advises to leave out bad tasks only where that was not asked for', async () => {
    await write('bad', { 'task.toml': '' });
    expect((await refusal({ skipInvalid: true })).fix).to.not.include('--skip-invalid');
    await write('fine');
    expect((await refusal()).fix).to.include('--skip-invalid');
  });

  it('goes on after a task with a file of a name that is not UTF-8', async () => {
    const bad = await write('bad');
    await writeFile(Buffer.concat([Buffer.from(join(bad, 'tests/caf')), Buffer.of(0xe9)]), '');
    await write('fine');
    const { tasks, invalid } = await selectTasks({ path: root, skipInvalid: true });
    expect(tasks.map(({ task }) => task.name)).to.deep.equal(['fine']);
    expect(invalid.map(({ problems }) => problems.map(({ field }) => field))).to.deep.equal([
      ['tests/caf\ufffd'],
    ]);
  });

  it('takes a folder of tasks whose name is not UTF-8 for one that cannot be read', async () => {
    await write('fine');
    await mkdir(Buffer.concat([Buffer.from(join(root, 'caf')), Buffer.of(0xe9)]));
    const { tasks, invalid } = await selectTasks({ path: root, skipInvalid: true });
    expect(tasks.map(({ task }) => task.name)).to.deep.equal(['fine']);
    expect(invalid).to.have.length(1);
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

  it('leaves what looks secret out of what is stored of a compose file, too', async () => {
    await mkdir(join(root, '.git'));
    await writeFile(join(root, '.gitignore'), '.env\n');
    const folder = await write('composed', {
      ...MINIMAL,
      'environment/docker-compose.yaml': 'services: { db: { image: a, env_file: db.env } }\n',
      'environment/.env': 'KEY=hush',
      'environment/db.env': 'A=1',
    });
    const read = await readFolder(folder, createBudget(Infinity));
    expect('task' in read && read.task.compose?.env_files).to.deep.equal({ 'environment/db.env': 'A=1' });
  });

  it('throws on what is a fault of its own', () => {
    expect(() => problemsOf('/tasks/a', new TypeError('x'))).to.throw(TypeError);
  });
});

describe('A pattern for task names', () => {
  const cases: [string, string, boolean][] = [
    ['*', 'org/hello', true],
    ['hello', 'hello', true],
    ['hello', 'hello-world', false],
    ['hello-*', 'hello-world', true],
    ['org/*', 'org/a/b', true],
    ['h?llo', 'hello', true],
    ['h?llo', 'hllo', false],
    ['[a-c]*', 'beta', true],
    ['[!a-c]*', 'beta', false],
    ['[!a-c]*', 'delta', true],
    ['[]]x', ']x', true],
    ['[-a]x', '-x', true],
    ['[c-a]x', 'bx', false],
    ['a.c', 'abc', false],
    ['a[', 'a[', true],
    ['Hello', 'hello', false],
    ['?', '🦊', true],
    ['(a|b)', 'a', false],
  ];
  for (const [pattern, name, expected] of cases)
    it(`${pattern} ${expected ? 'fits' : 'does not fit'} ${name}`, () => {
      expect(fits(name, pattern)).to.equal(expected);
    });
});

import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder, type Files } from '../../../test/support/folder.ts';
import { TaskFormatError } from '../toml/problems.ts';
import { environmentHash, taskDigest, taskHash } from '../hash.ts';
import { readTask } from './read.ts';

describe('readTask', () => {
  const made: string[] = [];
  const folder = async (files: Files): Promise<string> => {
    const dir = await taskFolder(files);
    made.push(dir);
    return dir;
  };
  const paths = async (files: Files): Promise<string[]> =>
    (await readTask(await folder(files))).files.map(({ path }) => path);
  const refusal = async (dir: string): Promise<TaskFormatError> => {
    const error = await readTask(dir).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(TaskFormatError);
    return error as TaskFormatError;
  };
  const faults = async (dir: string): Promise<string[]> =>
    (await refusal(dir)).problems.map(({ message }) => message);

  afterEach(async () => {
    for (const dir of made.splice(0)) await removeTaskFolder(dir);
  });

  it('reads a task', async () => {
    const dir = await folder({ ...MINIMAL, 'README.md': 'read me', 'notes.txt': 'not part of it' });
    const task = await readTask(dir);
    expect(task).to.include({ dir, name: 'task', instruction: 'Do it.\n' });
    expect(task.files.map(({ path }) => path)).to.deep.equal(Object.keys(MINIMAL).toSorted());
    expect(task.files.at(-1)).to.deep.equal({
      path: 'tests/test.sh',
      size: 45,
      sha256: '84d1008e571e8c284cb37f01ff3255fcbb4ad345d0105cc9becb3b8d56bf5ab7',
      executable: true,
    });
  });

  it('takes the name from task.toml', async () => {
    const task = await readTask(await folder({ ...MINIMAL, 'task.toml': '[task]\nname = "org/it"' }));
    expect(task.name).to.equal('org/it');
  });

  it('sorts paths by their bytes', async () => {
    const names = ['\u{1f600}', '\uff5e', 'Z', 'a.b/c', 'a/b'].map((name) => `environment/${name}`);
    const found = await paths({ ...MINIMAL, ...Object.fromEntries(names.map((name) => [name, ''])) });
    expect(found.slice(0, 6)).to.deep.equal([
      'environment/Dockerfile',
      'environment/Z',
      'environment/a.b/c',
      'environment/a/b',
      'environment/\uff5e',
      'environment/\u{1f600}',
    ]);
  });

  it('strips leading canary lines from the instruction', async () => {
    const text = '<!-- canary GUID 1 -->\n# Canary: 2\n\n \n# Title\n# canary stays here\n';
    const task = await readTask(await folder({ ...MINIMAL, 'instruction.md': text }));
    expect(task.instruction).to.equal('# Title\n# canary stays here\n');
  });

  it('says that there is no folder, or no task in it', async () => {
    const dir = await folder({ 'instruction.md': '' });
    expect((await refusal(`${dir}-`)).message).to.equal(`${dir}-: there is no such folder`);
    expect((await refusal(join(dir, 'instruction.md'))).message).to.match(
      /: is not a folder; expected one with a task.toml in it$/,
    );
    expect((await refusal(dir)).message).to.equal(
      `${dir}: task.toml is missing, so this is not a task folder`,
    );
  });

  it('names the file of a faulty task.toml', async () => {
    const dir = await folder({ ...MINIMAL, 'task.toml': '\n[agent]\nuser = true' });
    expect((await refusal(dir)).message).to.match(/\/task\/task\.toml:3: agent\.user is true; expected/);
  });

  it('names every file that is missing', async () => {
    expect(await faults(await folder({ 'task.toml': '' }))).to.deep.equal([
      'environment/Dockerfile is missing; expected it, or environment/docker-compose.yaml, or docker_image under [environment] in task.toml',
      'instruction.md is missing; expected what the agent is told to do',
      'tests/test.sh is missing; expected the script that writes the reward',
    ]);
  });

  it('needs no environment beside an image, and no test.sh where a separate verifier brings it', async () => {
    const config = '[environment]\ndocker_image = "x"\n[verifier]\nenvironment_mode = "separate"';
    await paths({ 'task.toml': config, 'instruction.md': '', 'tests/Dockerfile': '' });
  });

  it('wants instruction and tests of every step', async () => {
    const steps = '[[steps]]\nname = "a"\n[[steps]]\nname = "b"';
    const files = {
      'task.toml': steps,
      'environment/Dockerfile': '',
      'steps/a/instruction.md': 'A',
      'steps/a/tests/test.sh': '',
    };
    expect(await faults(await folder(files))).to.deep.equal([
      'steps/b/instruction.md is missing; expected what the agent is told to do in this step',
      'steps/b/tests/test.sh is missing; expected it, or tests/test.sh for all steps',
    ]);
    const task = await readTask(
      await folder({ ...files, 'steps/b/instruction.md': 'B', 'tests/test.sh': '' }),
    );
    expect(task.instruction).to.equal('');
  });

  it('refuses links out of the folder, links to nothing, circles and FIFOs, all at once', async () => {
    const dir = await folder(MINIMAL);
    await symlink('/etc/passwd', join(dir, 'tests/out'));
    await symlink('../..', join(dir, 'tests/up'));
    await symlink('nowhere', join(dir, 'tests/none'));
    await symlink('.', join(dir, 'tests/self'));
    execFileSync('mkfifo', [join(dir, 'environment/pipe')]);
    const found = await faults(dir);
    expect(found.toSorted()).to.deep.equal([
      'environment/pipe is a FIFO; expected a file or a folder',
      'tests/none is a link that leads nowhere; remove it',
      'tests/out is a link out of the task’s folder; put a copy of what it leads to in its place',
      'tests/self is a link to a folder that it lies in; remove it',
      'tests/up is a link out of the task’s folder; put a copy of what it leads to in its place',
    ]);
  });

  it('takes a link of tests or solution within the folder for a copy of what it leads to', async () => {
    const dir = await folder({ ...MINIMAL, 'environment/lib/x': 'X' });
    await symlink('../environment/lib', join(dir, 'tests/also'));
    await symlink('../environment/lib/x', join(dir, 'tests/x'));
    const linked = await readTask(dir);
    const copied = await readTask(
      await folder({ ...MINIMAL, 'environment/lib/x': 'X', 'tests/also/x': 'X', 'tests/x': 'X' }),
    );
    expect(linked.files).to.deep.equal(copied.files);
  });

  describe('takes the build context as docker build does', () => {
    const inContext = async (dir: string) =>
      (await readTask(dir)).files.filter(({ path }) => path.startsWith('environment/'));

    it('with links, wherever they lead', async () => {
      const dir = await folder({ ...MINIMAL, 'environment/lib/x': 'X' });
      const links = { also: 'lib', none: '/opt/nowhere', out: '../../..', self: '.', x: 'lib/x' };
      for (const [name, target] of Object.entries(links))
        await symlink(target, join(dir, 'environment', name));
      const found = (await inContext(dir)).flatMap(({ path, link }) =>
        link === undefined ? [] : [[path, link]],
      );
      expect(found).to.deep.equal(
        Object.entries(links).map(([name, target]) => [`environment/${name}`, target]),
      );
    });

    it('with a link to a file in the hash as a copy of it, as Harbor has it, and not in the environment’s', async () => {
      const files = { ...MINIMAL, 'environment/lib/x': 'X' };
      const copied = await readTask(await folder({ ...files, 'environment/x': 'X' }));
      const dir = await folder(files);
      await symlink('lib/x', join(dir, 'environment/x'));
      const linked = await readTask(dir);
      expect(taskHash(linked)).to.equal(taskHash(copied));
      expect(taskDigest(linked)).to.equal(taskDigest(copied));
      expect(environmentHash(linked)).to.not.equal(environmentHash(copied));
    });

    it('also where environment is itself a link to a folder of the task', async () => {
      const files = { ...MINIMAL, 'environment/lib/x': 'X' };
      const dir = await folder(files);
      await symlink('lib/x', join(dir, 'environment/x'));
      const plain = await readTask(dir);
      await rename(join(dir, 'environment'), join(dir, 'image'));
      await symlink('image', join(dir, 'environment'));
      const linked = await readTask(dir);
      expect([taskHash(linked), environmentHash(linked)]).to.deep.equal([
        taskHash(plain),
        environmentHash(plain),
      ]);
    });

    it('with links to elsewhere in the hash by where they lead, and not in Harbor’s digest', async () => {
      const dir = await folder(MINIMAL);
      const before = taskDigest(await readTask(dir));
      const hashes = [];
      for (const target of ['/etc/passwd', '/etc/group', '.']) {
        await rm(join(dir, 'environment/x'), { force: true });
        await symlink(target, join(dir, 'environment/x'));
        const task = await readTask(dir);
        hashes.push(taskHash(task));
        expect(taskDigest(task)).to.equal(before);
      }
      expect(new Set(hashes)).to.have.length(3);
    });

    it('with empty folders and permissions, which no umask of 002 or 022 makes others', async () => {
      const dir = await folder({
        ...MINIMAL,
        'environment/key': '',
        'environment/a/b': '',
        'environment/c/d': '',
      });
      const of = (path: string): string => join(dir, 'environment', path);
      await mkdir(of('empty'), { mode: 0o700 });
      await mkdir(of('void'));
      const modes = { key: 0o600, a: 0o775, 'a/b': 0o664, c: 0o750, void: 0o755 };
      for (const [path, mode] of Object.entries(modes)) await chmod(of(path), mode);
      const { files, folders } = await readTask(dir);
      expect(
        files.filter(({ mode }) => mode !== undefined).map(({ path, mode }) => [path, mode]),
      ).to.deep.equal([['environment/key', 0o600]]);
      expect(folders).to.deep.equal([
        { path: 'environment/c', mode: 0o750 },
        { path: 'environment/empty', mode: 0o700 },
        { path: 'environment/void' },
      ]);
    });

    it('in the environment’s hash: permissions, folders and links each change it', async () => {
      const dir = await folder({ ...MINIMAL, 'environment/key': '', 'environment/to': '' });
      const seen = new Set<string>();
      const look = async () => seen.add(environmentHash(await readTask(dir)));
      await look();
      await chmod(join(dir, 'environment/key'), 0o600);
      await look();
      await mkdir(join(dir, 'environment/empty'));
      await look();
      await chmod(join(dir, 'environment/empty'), 0o700);
      await look();
      await symlink('key', join(dir, 'environment/link'));
      await look();
      await rm(join(dir, 'environment/link'));
      await symlink('to', join(dir, 'environment/link'));
      await look();
      expect(seen).to.have.length(6);
    });

    it('but has no use for a Dockerfile that is a link to nothing', async () => {
      const dir = await folder(MINIMAL);
      await rm(join(dir, 'environment/Dockerfile'));
      await symlink('/dev/zero', join(dir, 'environment/Dockerfile'));
      expect((await faults(dir)).join()).to.match(/^environment\/Dockerfile is missing/);
    });
  });

  describe('with a file that cannot be used', () => {
    it('names a name that is not UTF-8, and what else is wrong', async () => {
      const dir = await folder({ ...MINIMAL, 'tests/test.sh': '' });
      await writeFile(Buffer.concat([Buffer.from(`${dir}/tests/caf`), Buffer.of(0xe9)]), '');
      await rm(join(dir, 'instruction.md'));
      expect(await faults(dir)).to.deep.equal([
        '"tests/caf\ufffd" has a backslash, a control character or broken UTF-8 in its path; rename it',
        'instruction.md is missing; expected what the agent is told to do',
      ]);
    });

    it('shows a name with a line break on one line', async () => {
      const dir = await folder({ ...MINIMAL, 'tests/a\nfix: sh x': '' });
      expect((await faults(dir)).join()).to.match(/^"tests\/a\\nfix: sh x" has a backslash/);
    });

    it('names what no archive of the task may have', async () => {
      const long = `tests/${`${'d'.repeat(200)}/`.repeat(6)}x`;
      const dir = await folder({ ...MINIMAL, 'environment/a:b': '', [long]: '' });
      expect((await faults(dir)).map((fault) => fault.split('" ')[1])).to.deep.equal([
        'has a path of more than 1024 bytes; rename it',
      ]);
    });

    it('waits for no FIFO in the place of a file', async () => {
      const dir = await folder({ ...MINIMAL, 'tests/a': '' });
      execFileSync(
        'mkfifo',
        ['.gitignore', 'tests/.harborignore'].map((path) => join(dir, path)),
      );
      expect((await readTask(dir)).name).to.equal('task');
      await rm(join(dir, 'task.toml'));
      execFileSync('mkfifo', [join(dir, 'task.toml')]);
      expect(await faults(dir)).to.deep.equal(['task.toml is no file; expected one']);
    });

    it('misses nothing in a folder that is none of the task’s', async () => {
      const dir = await folder(MINIMAL);
      await rm(join(dir, 'tests'), { recursive: true });
      await symlink('/tmp', join(dir, 'tests'));
      expect(await faults(dir)).to.deep.equal([
        'tests is a link out of the task’s folder; put a copy of what it leads to in its place',
      ]);
    });

    it('does not miss a task.toml that is there', async () => {
      const dir = await folder({ 'task.toml/x': '' });
      expect(await faults(dir)).to.deep.equal(['task.toml is no file; expected one']);
      await rm(join(dir, 'task.toml'), { recursive: true });
      await symlink('task.toml', join(dir, 'task.toml'));
      const error: unknown = await readTask(dir).catch((thrown: unknown) => thrown);
      expect(error).to.have.property('code', 'ELOOP');
    });

    it('names every file and folder that may not be read', async function () {
      if (process.getuid?.() === 0) this.skip();
      const dir = await folder({ ...MINIMAL, 'tests/a': '', 'tests/b': '', 'solution/c': '' });
      for (const path of ['tests/a', 'tests/b', 'solution']) await chmod(join(dir, path), 0o000);
      const found = await faults(dir);
      await chmod(join(dir, 'solution'), 0o755);
      expect(found).to.deep.equal([
        'solution cannot be read: permission denied',
        'tests/a cannot be read: permission denied',
        'tests/b cannot be read: permission denied',
      ]);
    });
  });

  it('works through a link to the folder itself', async () => {
    const dir = await folder(MINIMAL);
    await symlink(dir, `${dir}-link`);
    expect((await readTask(`${dir}-link`)).name).to.equal('task-link');
  });

  it('heeds .harborignore under tests and solution only, inherited, and never counts the file itself', async () => {
    const found = await paths({
      ...MINIMAL,
      '.harborignore': '*',
      'environment/.harborignore': '*',
      'environment/kept.log': '',
      'tests/.harborignore': '*.log\n/build/\n',
      'tests/a.log': '',
      'tests/build/x': '',
      'tests/deep/b.log': '',
      'tests/deep/c.txt': '',
      'tests/other/.harborignore': '!keep.log\nc.txt',
      'tests/other/keep.log': '',
      'tests/other/c.txt': '',
      'solution/a.log': '',
    });
    expect(found.filter((path) => !(path in MINIMAL))).to.deep.equal([
      'environment/kept.log',
      'solution/a.log',
      'tests/deep/c.txt',
      'tests/other/keep.log',
    ]);
  });

  it('refuses a .harborignore that leaves out what the trial needs', async () => {
    const dir = await folder({
      ...MINIMAL,
      'tests/.harborignore': '*.sh',
      'solution/solve.sh': '',
      'solution/.harborignore': 'solve.sh',
    });
    expect(await faults(dir)).to.deep.equal([
      'tests/test.sh is left out by .harborignore; expected the script that writes the reward',
      'solution/solve.sh is left out by .harborignore; the agent oracle needs it',
    ]);
  });

  it('digests as Harbor does: with README.md, without what .gitignore or its default list names', async () => {
    const plain = await folder(MINIMAL);
    const task = await readTask(plain);
    expect(taskDigest(task)).to.equal(taskHash(task));
    await mkdir(join(plain, 'tests/__pycache__'));
    await writeFile(join(plain, 'tests/__pycache__/x.pyc'), '');
    const cached = await readTask(plain);
    expect(taskDigest(cached)).to.equal(taskDigest(task));
    expect(taskHash(cached)).to.not.equal(taskHash(task));
    await rm(join(plain, 'tests/__pycache__'), { recursive: true });
    await writeFile(join(plain, 'README.md'), 'read me');
    const described = await readTask(plain);
    expect(taskDigest(described)).to.not.equal(taskDigest(task));
    expect(taskHash(described)).to.equal(taskHash(task));
  });

  it('refuses a folder’s name that cannot name a task', async () => {
    const dir = await folder(MINIMAL);
    await symlink(dir, `${dir} copy`);
    expect(await faults(`${dir} copy`)).to.deep.equal([
      'the name "task copy" has characters other than letters, digits, dots, hyphens and underscores; rename the folder, or set name under [task] in task.toml',
    ]);
  });

  it('refuses an instruction that is not UTF-8', async () => {
    const dir = await folder({ ...MINIMAL, 'instruction.md': Uint8Array.of(0xff, 0xfe) });
    expect((await refusal(dir)).message).to.match(/instruction\.md: is not UTF-8 text$/);
  });
});

import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../../test/support/task-folder.ts';
import type { Files } from '../../../test/support/task-folder.ts';
import { TaskFormatError } from '../toml/problems.ts';
import { taskDigest, taskHash } from '../hash.ts';
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
    await symlink('nowhere', join(dir, 'environment/none'));
    await symlink('.', join(dir, 'environment/self'));
    execFileSync('mkfifo', [join(dir, 'environment/pipe')]);
    const found = await faults(dir);
    expect(found.toSorted()).to.deep.equal([
      'environment/none is a link that leads nowhere; remove it',
      'environment/pipe is a FIFO; expected a file or a folder',
      'environment/self is a link to a folder that it lies in; remove it',
      'tests/out is a link out of the task’s folder; put a copy of what it leads to in its place',
      'tests/up is a link out of the task’s folder; put a copy of what it leads to in its place',
    ]);
  });

  it('takes a link within the folder for a copy of what it leads to', async () => {
    const dir = await folder({ ...MINIMAL, 'environment/lib/x': 'X' });
    await symlink('lib', join(dir, 'environment/also'));
    await symlink('../environment/lib/x', join(dir, 'tests/x'));
    const linked = await readTask(dir);
    const copied = await readTask(
      await folder({ ...MINIMAL, 'environment/lib/x': 'X', 'environment/also/x': 'X', 'tests/x': 'X' }),
    );
    expect(linked.files).to.deep.equal(copied.files);
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

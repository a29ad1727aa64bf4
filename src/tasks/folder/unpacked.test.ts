import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder, type Files } from '../../../test/support/folder.ts';
import { packTask, readTask, taskHash, unpack, unpackedHash } from '../index.ts';

describe('the hash of an unpacked task', () => {
  const folders: string[] = [];
  afterEach(async () => {
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
  });

  async function unpacked(files: Files): Promise<{ folder: string; hash: string }> {
    const source = await taskFolder(files);
    const task = await readTask(source);
    const folder = await mkdtemp(join(tmpdir(), 'sb-unpacked-'));
    folders.push(folder);
    await unpack(await packTask(task), folder);
    await removeTaskFolder(source);
    return { folder, hash: taskHash(task) };
  }
  const add = async (folder: string, path: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), 'x');
  };

  it('is that of the folder which was packed', async () => {
    const { folder, hash } = await unpacked({
      ...MINIMAL,
      'README.md': 'not hashed',
      'tests/B': '1',
      'tests/a/b.txt': '2',
      'tests/a.txt': '3',
      'tests/ä': '4',
      'tests/.harborignore': 'left-out\n',
      'tests/left-out': '5',
      'tests/large': 'x'.repeat(3 * 2 ** 20),
    });
    expect(await unpackedHash(folder)).to.equal(hash);
  });

  it('is another one where a file came, changed or went, ignored or not', async () => {
    const ignoring = { ...MINIMAL, 'tests/.harborignore': '.harborignore\nextra\n' };
    for (const path of ['tests/extra', 'tests/test.sh', 'solution/solve.sh', 'tests/.harborignore']) {
      const { folder, hash } = await unpacked(ignoring);
      await add(folder, path);
      expect(await unpackedHash(folder), path).not.to.equal(hash);
    }
    const { folder, hash } = await unpacked(MINIMAL);
    await rm(join(folder, 'instruction.md'));
    expect(await unpackedHash(folder)).not.to.equal(hash);
  });

  it('takes a link for a copy of the file that it leads to, else for where it leads', async () => {
    const { folder, hash } = await unpacked({
      ...MINIMAL,
      'environment/copy': 'FROM debian:bookworm-slim\n',
    });
    await rm(join(folder, 'environment/copy'));
    await symlink('Dockerfile', join(folder, 'environment/copy'));
    expect(await unpackedHash(folder)).to.equal(hash);
    for (const target of ['/etc/hostname', 'nowhere', '../../../../etc', 'copy']) {
      const other = await unpacked({ ...MINIMAL, 'environment/copy': target });
      await rm(join(folder, 'environment/copy'));
      await symlink(target, join(folder, 'environment/copy'));
      expect(await unpackedHash(folder), target).to.equal(other.hash);
    }
  });

  it('is that of the folder which was packed, wherever its links lead', async () => {
    const source = await taskFolder({
      ...MINIMAL,
      'environment/real/f': 'x',
      'tests/sub/y': 'z',
      'README.md': '',
    });
    folders.push(source);
    await mkdir(join(source, 'environment/empty'));
    const link = (path: string, target: string) => symlink(target, join(source, path));
    await link('tests/linked', 'sub');
    for (const [index, target] of [
      'real/f',
      'real',
      '0',
      '1/f',
      '1/../Dockerfile',
      'empty/../real/f',
      'nothing/../real/f',
      'real/f/',
      '../tests/linked/y',
      '../tests/linked/../test.sh',
      '../README.md',
      // Here they lead to a file of the task, and nowhere after it was unpacked.
      join(source, 'environment/real/f'),
      `../../${basename(source)}/environment/real/f`,
      '11',
      '14',
    ].entries())
      await link(`environment/${index}`, target);
    const task = await readTask(source);
    const folder = await mkdtemp(join(tmpdir(), 'sb-unpacked-'));
    folders.push(folder);
    await unpack(await packTask(task), folder, { context: 'environment/' });
    expect(await unpackedHash(folder)).to.equal(taskHash(task));
    const copies = task.files
      .filter(({ leadsTo }) => leadsTo !== undefined)
      .map(({ path }) => basename(path));
    expect(copies).to.deep.equal(['0', '10', '2', '3', '4', '5', '7', '8', '9']);
  });

  it('does not depend on what no Trial is given', async () => {
    const { folder, hash } = await unpacked(MINIMAL);
    for (const path of ['README.md', 'trajectory.json', 'notes/x']) await add(folder, path);
    expect(await unpackedHash(folder)).to.equal(hash);
  });
});

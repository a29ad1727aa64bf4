import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from './files.ts';

describe('A folder to write to', () => {
  let parent: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'sb-make-'));
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));
  const codeOf = (path: string): Promise<unknown> =>
    makeFolder(path).then(
      () => 'made',
      (error: unknown) => (error as NodeJS.ErrnoException).code,
    );

  it('is made with those above it, by several at once, and may be there', async () => {
    const path = join(parent, 'a/b/c');
    await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(path, 'd'))]);
    await makeFolder(path);
    expect((await stat(join(path, 'd'))).isDirectory()).to.equal(true);
    await symlink(path, join(parent, 'link'));
    await makeFolder(join(parent, 'link'));
    await makeFolder('/');
  });

  it('is refused in the place of a file, and below one', async () => {
    await writeFile(join(parent, 'file'), '');
    expect(await codeOf(join(parent, 'file'))).to.equal('EEXIST');
    expect(await codeOf(join(parent, 'file/x/y'))).to.equal('ENOTDIR');
  });

  it('is refused by /proc at once', async function () {
    if (!existsSync('/proc/self')) this.skip();
    this.timeout(5000);
    expect(await codeOf('/proc/no-such-folder/x')).to.equal('ENOENT');
  });
});

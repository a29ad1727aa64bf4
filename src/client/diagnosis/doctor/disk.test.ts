import { expect } from 'chai';
import { join } from 'node:path';
import { folderOf, type Folder } from '../../../../test/support/folder.ts';
import { disk, judgeDisk } from './disk.ts';

describe('sb doctor about this machine', () => {
  let folder: Folder;
  beforeEach(async () => (folder = await folderOf({ file: 'x' })));
  afterEach(() => folder.remove());

  it('warns of little room, and minds none', () => {
    const states = [5 * 2 ** 30, 2 ** 29, 2 ** 20].map((free) => judgeDisk('jobs', free)[0]?.state);
    expect(states).to.deep.equal(['fine', 'warning', 'problem']);
    expect(judgeDisk('jobs', 5 * 2 ** 30)[0]?.what).to.equal('jobs: 5.0 GiB free');
  });

  it('looks at the nearest folder that is there, and makes none', async () => {
    const jobsDir = join(folder.path, 'not/yet');
    expect((await disk.run({ jobsDir }))[0]?.what).to.match(/not\/yet: .* free$/);
    expect((await disk.run({ jobsDir }))[0]?.state).to.not.equal(undefined);
  });

  it('cannot write below a file', async () => {
    const [found] = await disk.run({ jobsDir: join(folder.path, 'file') });
    expect(found).to.include({ state: 'problem' });
    expect(found?.what).to.include('cannot be written');
  });
});

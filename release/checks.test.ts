import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf, type Folder } from '../test/support/folder.ts';
import { objections } from './checks.ts';

describe('A release', () => {
  let folder: Folder;

  const git = (...args: string[]): string =>
    execFileSync(
      'git',
      ['-c', 'user.name=a', '-c', 'user.email=a@b.c', '-c', 'commit.gpgsign=false', ...args],
      {
        cwd: folder.path,
        encoding: 'utf8',
      },
    );
  const write = (file: string, text: string): void => writeFileSync(join(folder.path, file), text);
  const commit = (version: unknown, lock = version): void => {
    write('package.json', JSON.stringify({ version }));
    write('package-lock.json', JSON.stringify({ version: lock }));
    git('add', '-A');
    git('commit', '-q', '--allow-empty', '-m', 'x');
  };

  beforeEach(async () => {
    folder = await folderOf({ 'CHANGELOG.md': '# Changelog\n\n## 1.2.3\n\n- First.\n\n## 1.2.4\n' });
    git('init', '-q');
    commit('1.2.3');
  });
  afterEach(() => folder.remove());

  it('is made of what is committed, has a new version, and says what is in it', async () => {
    expect(await objections(folder.path)).to.deep.equal([]);
    write('CHANGELOG.md', '## 2.0.0-rc.1\n\n- A change.\n');
    commit('2.0.0-rc.1');
    expect(await objections(folder.path)).to.deep.equal([]);
  });

  for (const version of [
    '1.2',
    'v1.2.3',
    '1.2.03',
    '1.2.3-',
    '1.2.3-01',
    '1.2.3+linux',
    '1.2.3 ',
    '',
    1,
    undefined,
  ])
    it(`refuses the version ${JSON.stringify(version)}`, async () => {
      commit(version);
      const [said, ...more] = await objections(folder.path);
      expect(said).to.equal(
        `package.json: version ${JSON.stringify(version)} is not MAJOR.MINOR.PATCH of semver.org`,
      );
      expect(more).to.deep.equal([]);
    });

  it('refuses a version whose tag exists', async () => {
    git('tag', 'v1.2.3');
    expect(await objections(folder.path)).to.deep.equal([
      'tag v1.2.3 exists: this version was released; raise it in package.json',
    ]);
  });

  it('refuses files that are changed or not committed, and names one', async () => {
    write('new', '');
    expect(await objections(folder.path)).to.deep.equal([
      'the work tree is not what is committed (?? new): commit it, or take it back',
    ]);
    write('CHANGELOG.md', '## 1.2.3\n\n- Other.\n');
    expect(await objections(folder.path)).to.deep.equal([
      'the work tree is not what is committed (M CHANGELOG.md and 1 more): commit it, or take it back',
    ]);
  });

  it('refuses a lock file of another version', async () => {
    commit('1.2.3', '1.2.2');
    expect(await objections(folder.path)).to.deep.equal([
      'package-lock.json: version 1.2.2 is not 1.2.3 of package.json; npm install writes it',
    ]);
  });

  it('refuses a version that the changelog does not name, or of which it says nothing', async () => {
    for (const version of ['1.2.2', '1.2.30', '1.2.4']) {
      commit(version);
      expect(await objections(folder.path)).to.deep.equal([
        `CHANGELOG.md says nothing of ${version}: write a section "## ${version}"`,
      ]);
    }
  });
});

import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestOf } from './release.ts';

const ROOT = join(import.meta.dirname, '..');

/** Where the version may stand: written by npm or by `npm run generate`, or about what was. */
const MAY = [
  'package.json',
  'package-lock.json',
  'config/default/kustomization.yaml',
  'charts/sb-operator/Chart.yaml',
  'sbd/main.go',
  // What was said of a version, or recorded with it.
  'CHANGELOG.md',
  'docs/sb-walk.md',
  // An example of a frame, which has to stay as it is.
  'src/wire/hand/vectors.json',
];

/** Versions of other people's modules. */
const isForeign = (file: string): boolean => /(^|\/)go\.(mod|sum)$/.test(file);

/** Whether the text has this version in it, and not a longer number that looks alike. */
const names = (version: string, text: string): boolean =>
  new RegExp(String.raw`(?<![\d.])${version.replaceAll('.', String.raw`\.`)}(?![\d.]*\d)`).test(text);

describe('The version', () => {
  const { version } = manifestOf(ROOT);

  it('stands in package.json, and otherwise only where it is generated', () => {
    const listed = execFileSync('git', ['grep', '-lFI', '--untracked', '-e', version], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const copies = listed
      .split('\n')
      .filter((file) => file !== '' && !MAY.includes(file) && !isForeign(file))
      .filter((file) => names(version, readFileSync(join(ROOT, file), 'utf8')));
    expect(copies).to.deep.equal([]);
  });

  it('is seen in a text, but not in numbers that are longer', () => {
    for (const text of ['1.2.3', "'1.2.3'", 'v1.2.3', 'version=1.2.3.', 'sb:1.2.3-rc.1'])
      expect(names('1.2.3', text), text).to.equal(true);
    for (const text of ['11.2.3', '1.2.30', '1.2.3.4', '0.1.2.3', '1x2.3'])
      expect(names('1.2.3', text), text).to.equal(false);
  });

  it('is what sbd says of itself', () => {
    expect(readFileSync(join(ROOT, 'sbd/main.go'), 'utf8')).to.include(`\nvar version = "${version}"\n`);
  });
});

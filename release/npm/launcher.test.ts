import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf, type Folder } from '../../test/support/folder.ts';

const LAUNCHER = readFileSync(join(import.meta.dirname, '../../bin/sb.mjs'));
const printing = (text: string): string => `const say = () => process.stdout.write('${text}');\nsay();\n`;

describe('What V8 compiled of sb at an earlier start', () => {
  let folder: Folder;
  const bundle = (): string => join(folder.path, 'dist/sb/sb.js');
  const compiled = (): string => join(folder.path, 'dist/sb/compiled');
  /** What sb printed, and whether V8 took what was compiled before. */
  const started = (): { said: string; taken: boolean } => {
    const { stdout, stderr } = spawnSync(process.execPath, [join(folder.path, 'bin/sb.mjs')], {
      encoding: 'utf8',
      env: { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
    });
    return { said: stdout, taken: stderr.includes('/sb.js was accepted') };
  };
  beforeEach(async () => {
    folder = await folderOf({
      'package.json': '{ "type": "module" }',
      'bin/sb.mjs': LAUNCHER,
      'dist/sb/sb.js': printing('first'),
    });
    expect(started()).to.deep.equal({ said: 'first', taken: false });
  });
  afterEach(() => folder.remove());

  it('is taken at the next', () => expect(started()).to.deep.equal({ said: 'first', taken: true }));

  it('is not taken for another bundle', () => {
    writeFileSync(bundle(), printing('other'));
    expect(started()).to.deep.equal({ said: 'other', taken: false });
  });

  it('is not taken where it is damaged', () => {
    const files = globSync('*/*', { cwd: compiled() });
    expect(files).not.to.deep.equal([]);
    for (const file of files) {
      const bytes = readFileSync(join(compiled(), file));
      writeFileSync(join(compiled(), file), bytes.fill(0xff, bytes.length / 2));
    }
    expect(started()).to.deep.equal({ said: 'first', taken: false });
  });

  it('is missing where it cannot be written', () => {
    rmSync(compiled(), { recursive: true });
    writeFileSync(compiled(), '');
    expect(started()).to.deep.equal({ said: 'first', taken: false });
    expect(started()).to.deep.equal({ said: 'first', taken: false });
  });
});

import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { packing } from './packed.ts';

const run = promisify(execFile);

const FILES: Record<string, string> = {
  'big/__init__.py': 'from . import near\nfrom .deep.lone import far\n',
  'big/near.py': 'import os\nnear = open(os.path.join(os.path.dirname(__file__), "data.txt")).read()\n',
  'big/data.txt': 'data of big\n',
  // Without __init__.
  'big/deep/lone/__init__.py': 'from .far import far\n',
  'big/deep/lone/far.py': 'far = "far"\n',
  'big/gone/__init__.py': 'def fails():\n    raise ValueError("as before")\n',
  'other/__init__.py': 'here = True\n',
};

/** What each of the modules is, as the program sees it. */
const LOOK = `
import sys, site; site.addsitedir(sys.argv[1])
import big, big.gone, other, importlib.resources as resources, importlib.util as util, inspect, pickle, pkgutil, traceback
print(big.near.near, big.far, other.here, resources.files('big').joinpath('data.txt').read_text(), end='')
print(pkgutil.get_data('big', 'data.txt').decode(), big.__file__.removeprefix(sys.argv[1]), sys.modules['big.deep.lone.far'].__spec__.name)
print(util.find_spec('big.near') is not None, util.find_spec('big.none'), util.find_spec('big.deep').origin)
try: big.gone.fails()
except ValueError: print('line 2' in traceback.format_exc(), pickle.loads(pickle.dumps(big.gone.fails)) is big.gone.fails)
`;

describe('Python packages whose modules are one file', () => {
  let folder: string;
  let site: string;
  before(function () {
    try {
      execFileSync('python3', ['--version'], { stdio: 'ignore' });
    } catch {
      process.stdout.write('    (skipped: this needs Python)\n');
      this.skip();
    }
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'packed-'));
    site = join(folder, 'venv/lib/python3/site-packages');
    const python = join(folder, 'venv/bin/python');
    for (const [name, text] of Object.entries({
      ...FILES,
      '../../../bin/python': '#!/bin/sh\nexec python3 "$@"\n',
    })) {
      mkdirSync(dirname(join(site, name)), { recursive: true });
      writeFileSync(join(site, name), text);
    }
    chmodSync(python, 0o755);
    await run(python, ['-m', 'compileall', '-q', '-b', '--invalidation-mode', 'unchecked-hash', site]);
    for (const name of Object.keys(FILES)) if (name.endsWith('.py')) await rm(join(site, name));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const look = async (): Promise<string> => (await run('python3', ['-c', LOOK, site])).stdout;

  it('are what they were, to whoever imports them and to themselves', async () => {
    const before = await look();
    expect(before).to.include('data of big').and.include('True True');
    await run('sh', ['-c', `set -eu\nSB="${folder}" site="${site}"\n${packing(['big'])}`]);
    const left = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.startsWith('big'),
    );
    expect(left.toSorted()).to.deep.equal(['big', 'big/data.txt', 'big/deep']);
    expect(existsSync(join(site, 'other/__init__.pyc'))).to.equal(true);
    expect(await look()).to.equal(before);
  });
});

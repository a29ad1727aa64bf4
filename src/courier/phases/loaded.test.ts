import { expect } from 'chai';
import type { Entry } from '../../wire/hand/protocol.ts';
import {
  broughtUnasked,
  changesBetween,
  ENTRIES_MAX,
  linksToTests,
  lookAround,
  unaskedIn,
} from './loaded.ts';

const AROUND = { workdir: '/app', home: '/root', path: ['/usr/local/bin', '/usr/bin', '/bin'] };

const entry = (name: string, over: Partial<Entry> = {}): Entry => ({
  name,
  kind: 'file',
  size: 1,
  mode: 0o755,
  uid: 0,
  gid: 0,
  modified: 1,
  changed: 1,
  ...over,
});
const link = (name: string, target: string): Entry => entry(name, { kind: 'link', target });

type Tree = Record<string, Entry[]>;

const DEBIAN: Tree = {
  '/': [link('bin', 'usr/bin'), link('lib', 'usr/lib'), entry('usr', { kind: 'directory' })],
  '/usr/bin': [entry('bash'), entry('grep'), entry('curl'), entry('python3.11')],
  '/usr/lib': [entry('python3.11', { kind: 'directory' }), entry('x86_64-linux-gnu', { kind: 'directory' })],
  '/usr/lib/x86_64-linux-gnu': [entry('libc.so.6')],
  '/usr/lib/python3.11': [entry('os.py'), entry('__pycache__', { kind: 'directory' })],
  '/var/lib/dpkg/info': [entry('grep.list')],
};

/** A container in which these files lie. */
const handOf = (tree: Tree) => ({
  list: async (folder: string) => tree[folder] ?? [],
  stat: async (path: string) => {
    const at = path.lastIndexOf('/');
    return tree[path.slice(0, at)]?.find(({ name }) => name === path.slice(at + 1));
  },
  read: async (path: string) => Buffer.from(path),
});
const look = (tree: Tree) => lookAround(AROUND, handOf(tree));

/** What a change of some folders comes to. */
const changed = async (over: Tree): Promise<[string, string][]> => {
  const found = changesBetween(await look(DEBIAN), await look({ ...DEBIAN, ...over }));
  return found.map(({ code, message }) => [code, message.replace(/^.*: /, '')]);
};

const withIn = (folder: string, ...entries: Entry[]): Tree => {
  const names = new Set(entries.map(({ name }) => name));
  const others = (DEBIAN[folder] ?? []).filter(({ name }) => !names.has(name));
  return { [folder]: [...others, ...entries] };
};
const later = (name: string): Entry => entry(name, { changed: 2 });

describe('what a verifier loads unasked', () => {
  it('has not changed where nobody changed it', async () => {
    expect(await changed({})).to.deep.equal([]);
  });

  it('may have grown: what is installed is no change of what was there', async () => {
    expect(await changed(withIn('/usr/bin', entry('jq'), entry('python3')))).to.deep.equal([]);
    expect(await changed(withIn('/usr/lib/python3.11', entry('new.py')))).to.deep.equal([]);
  });

  it('is told where a basic tool is another, also one of the same size and date', async () => {
    expect(await changed(withIn('/usr/bin', later('grep')))).to.deep.equal([
      ['ToolReplaced', '/usr/bin/grep'],
    ]);
  });

  it('is told where another one of the name goes before it', async () => {
    expect(await changed({ '/usr/local/bin': [entry('bash')] })).to.deep.equal([
      ['ToolReplaced', '/usr/local/bin/bash'],
    ]);
  });

  it('is no tampering where the package manager says that it has put the tool there', async () => {
    const upgraded = {
      ...withIn('/usr/bin', later('grep')),
      ...withIn('/var/lib/dpkg/info', later('grep.list')),
    };
    expect(await changed(upgraded)).to.deep.equal([['ProgramsChanged', '/usr/bin/grep']]);
  });

  it('is told of other programs, of libraries and of modules, be they changed or gone', async () => {
    expect(await changed(withIn('/usr/bin', later('curl')))).to.deep.equal([
      ['ProgramsChanged', '/usr/bin/curl'],
    ]);
    expect(await changed(withIn('/usr/lib/x86_64-linux-gnu', later('libc.so.6')))).to.deep.equal([
      ['ProgramsChanged', '/usr/lib/x86_64-linux-gnu/libc.so.6'],
    ]);
    expect(
      await changed({ '/usr/lib/python3.11': [entry('__pycache__', { kind: 'directory', changed: 2 })] }),
    ).to.deep.equal([['ProgramsChanged', '/usr/lib/python3.11/os.py']]);
  });

  it('is told of files that programs read first', async () => {
    expect(await changed({ '/etc': [entry('ld.so.preload')] })).to.deep.equal([
      ['PreloadPlanted', '/etc/ld.so.preload'],
    ]);
    expect(await changed(withIn('/usr/lib/python3.11', entry('sitecustomize.py')))).to.deep.equal([
      ['HookPlanted', '/usr/lib/python3.11/sitecustomize.py'],
    ]);
    expect(await changed(withIn('/', entry('conftest.py')))).to.deep.equal([['HookPlanted', '/conftest.py']]);
    expect(
      await changed({
        '/root': [entry('.bashrc'), entry('notes')],
        '/app': [entry('conftest.py'), entry('main.py')],
      }),
    ).to.deep.equal([['StartupFilesChanged', '/app/conftest.py, /root/.bashrc']]);
  });

  it('is told of modules that the work hides: files and packages of the name, and no others', async () => {
    const folder = (name: string, over: Partial<Entry> = {}) => entry(name, { kind: 'directory', ...over });
    expect(
      await changed({
        '/app': [entry('time'), entry('json.py'), folder('http'), folder('data'), folder('os.py')],
      }),
    ).to.deep.equal([['StartupFilesChanged', '/app/json.py, /app/http']]);
    const was = await look({ ...DEBIAN, '/app': [folder('http')], '/root/.cache': [folder('pip')] });
    const now = await look({
      ...DEBIAN,
      '/app': [folder('http', { changed: 2 })],
      '/root/.cache': [folder('pip', { changed: 2 })],
    });
    expect(changesBetween(was, now).map(({ message }) => message)).to.deep.equal([
      'changed since the agent began: /root/.cache/pip',
    ]);
  });

  it('names three and counts the others', async () => {
    const all = ['.bashrc', '.profile', '.npmrc', '.netrc', '.curlrc'].map((name) => entry(name));
    expect(await changed({ '/root': all })).to.deep.equal([
      ['StartupFilesChanged', '/root/.bashrc, /root/.profile, /root/.npmrc and 2 more'],
    ]);
  });

  it('cannot be told of folders with more than is read', async () => {
    const many = Array.from({ length: ENTRIES_MAX }, (_, index) => entry(`file-${index}`));
    expect(await changed({ '/usr/local/bin': many })).to.deep.equal([['GroundUnread', '/usr/local/bin']]);
  });
});

describe('links of the agent', () => {
  const found = (links: Record<string, [string, string][]>, more = '') =>
    linksToTests(AROUND, {
      links: async (folder) => ({
        links: (links[folder] ?? []).map(([name, target]) => ({ name, target })),
        more: folder === more,
      }),
    });

  it('are told where they lead to the tests, and not where they lead elsewhere', async () => {
    const links: Record<string, [string, string][]> = {
      '/app': [
        ['src/answer', '../../tests/expected'],
        ['data', '/var/data'],
        ['own', 'tests'],
        ['contest', '/tests-of-old'],
      ],
      '/tmp': [['all', '/proc/self/root/tests']],
    };
    expect(await found(links)).to.deep.equal([
      { code: 'TestsLinked', message: 'links lead to the tests: /app/src/answer, /tmp/all' },
    ]);
  });

  it('cannot be told where there is more than is looked at', async () => {
    expect(await found({}, '/app')).to.deep.equal([
      { code: 'GroundUnread', message: 'too many files to compare: /app' },
    ]);
  });
});

describe('what comes to a separate verifier’s working directory', () => {
  it('is told where it is loaded unasked, and neither image had it', async () => {
    const was = await unaskedIn('/app', handOf({ '/app': [entry('conftest.py'), entry('main.py')] }));
    const own = await unaskedIn('/app', handOf({ '/app': [entry('setup.cfg')] }));
    const now = await unaskedIn(
      '/app',
      handOf({ '/app': [later('conftest.py'), later('setup.cfg'), entry('json.py'), entry('main.py')] }),
    );
    expect(broughtUnasked(now, was, own)).to.deep.equal([
      { code: 'StartupFilesChanged', message: 'the agent’s artifacts bring json.py' },
    ]);
    expect(broughtUnasked(was, was)).to.deep.equal([]);
    const many = Array.from({ length: ENTRIES_MAX }, (_, index) => entry(`file-${index}`));
    expect(broughtUnasked(await unaskedIn('/app', handOf({ '/app': many })), was)).to.deep.equal([
      { code: 'GroundUnread', message: 'too many files to compare: /app' },
    ]);
  });
});

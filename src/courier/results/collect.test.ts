import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { MANIFEST_MAX_BYTES } from '../../wire/uploads.ts';
import { collectLogs, LIMITS } from './collect.ts';
import { sha256Of } from './contents.ts';

describe('collectLogs', () => {
  let logs: string;
  const at = (...parts: string[]): string => join(logs, ...parts);
  const write = (path: string, text = 'x'): void => {
    mkdirSync(join(at(path), '..'), { recursive: true });
    writeFileSync(at(path), text);
  };
  const paths = (limits = {}): string[] =>
    collectLogs({ agent: logs }, { ...LIMITS, ...limits }).files.map(({ path }) => path);
  const skipped = (limits = {}) => collectLogs({ agent: logs }, { ...LIMITS, ...limits }).skipped;

  beforeEach(() => {
    logs = mkdtempSync(join(tmpdir(), 'sb-logs-'));
  });
  afterEach(() => rmSync(logs, { recursive: true, force: true }));

  it('gives the folders of /logs their places, and everything else output/.logs', () => {
    for (const path of ['agent/a', 'verifier/deep/v', 'artifacts/o', 'other/x', 'loose']) write(path);
    expect(paths()).to.have.members([
      'agent/a',
      'verifier/deep/v',
      'output/o',
      'output/.logs/other/x',
      'output/.logs/loose',
    ]);
  });

  it('gives no two files one key, nor one the key of a folder of the other', () => {
    write('artifacts/logs', 'declared');
    write('logs/x');
    write('artifacts/.logs/x', 'planted');
    write('artifacts/other/.logs/x');
    write('foo/z');
    write('x');
    expect(paths()).to.have.members([
      'output/logs',
      'output/.logs/logs/x',
      'output/other/.logs/x',
      'output/.logs/foo/z',
      'output/.logs/x',
    ]);
    expect(skipped()).to.deep.equal([{ path: 'output/.logs', reason: 'Reserved' }]);
  });

  it('skips names that a store takes and never lists', () => {
    for (const path of ['.sgwtmp', 'agent/.sgwtmp/x', 'artifacts/a/.sgwtmp', 'agent/x\uffff']) write(path);
    for (const path of [
      'agent/.sgwtmp.x',
      'agent/.SGWTMP',
      'agent/dot.',
      'agent/e\u0301',
      'agent/\u00e9',
      'agent/A',
      'agent/a',
    ])
      write(path);
    expect(paths()).to.have.length(7);
    expect(skipped()).to.have.deep.members([
      { path: 'output/.logs/.sgwtmp', reason: 'Reserved' },
      { path: 'agent/.sgwtmp', reason: 'Reserved' },
      { path: 'output/a/.sgwtmp', reason: 'Reserved' },
      { path: 'agent/x\uffff', reason: 'Reserved' },
    ]);
  });

  it('finds nothing, and says why, where the container has swapped the folder itself', () => {
    rmSync(logs, { recursive: true });
    symlinkSync('/etc', logs);
    expect(collectLogs({ agent: logs })).to.deep.equal({
      files: [],
      skipped: [{ path: 'output/.logs', reason: 'Symlink' }],
      links: [],
      folders: [],
    });
  });

  it('takes of a service what was asked for, in place of what main has under that name', () => {
    const service = at('../of-service');
    for (const path of ['artifacts/db/dump', 'artifacts/db/more', 'artifacts/own']) {
      mkdirSync(join(service, path, '..'), { recursive: true });
      writeFileSync(join(service, path), 'service');
    }
    for (const path of ['artifacts/db/dump', 'artifacts/db/other', 'artifacts/kept']) write(path, 'main');
    const services = [
      { logs: service, into: 'db/dump' },
      { logs: service, into: 'none' },
    ];
    const { files, skipped: left } = collectLogs({ agent: logs, services });
    expect(left).to.deep.equal([]);
    expect(files.map(({ path, size }) => [path, size])).to.have.deep.members([
      ['output/db/dump', 7],
      ['output/db/other', 4],
      ['output/kept', 4],
    ]);
    rmSync(service, { recursive: true });
  });

  it('finds no more than a manifest may hold, whatever the names are made of', () => {
    const long = Math.floor(LIMITS.pathBytes / LIMITS.files);
    const file = { path: '"'.repeat(long), size: LIMITS.fileBytes, sha256: 'a'.repeat(64) };
    const files = Array.from({ length: LIMITS.files }, () => file);
    const odd = Array.from({ length: 1001 }, () => ({ path: '\u0001'.repeat(512), reason: 'Unreadable' }));
    expect(JSON.stringify({ files, skipped: odd }).length).to.be.below(MANIFEST_MAX_BYTES - 2 ** 20);
    // The shortest paths there are.
    const link = { path: '"'.repeat(8), target: '"' };
    const links = Array.from({ length: LIMITS.entries - LIMITS.files }, () => link);
    const left = Math.floor((LIMITS.pathBytes - links.length * 9) / LIMITS.files);
    const beside = files.map((one) => ({ ...one, path: '"'.repeat(left), executable: true }));
    expect(JSON.stringify({ files: beside, links, skipped: odd }).length).to.be.below(
      MANIFEST_MAX_BYTES - 2 ** 20,
    );
  });

  it('holds no more names than it is allowed', () => {
    for (const name of ['a', 'b', 'c']) write(`agent/${name}`);
    expect(paths({ pathBytes: 14 })).to.have.length(2);
    expect(skipped({ pathBytes: 14 })).to.have.length(1);
    expect(skipped({ pathBytes: 14 })[0]?.reason).to.equal('TooMany');
  });

  it('does not take a file for one of our folders', () => {
    write('agent');
    expect(paths()).to.deep.equal(['output/.logs/agent']);
  });

  it('follows no link and opens nothing but regular files', async () => {
    write('agent/a');
    symlinkSync('/etc/shadow', at('agent/file-link'));
    symlinkSync('/etc', at('agent/folder-link'));
    symlinkSync('/nowhere', at('agent/dead-link'));
    symlinkSync('/etc', at('verifier'));
    execFileSync('mkfifo', [at('agent/fifo')]);
    const server = createServer().listen(at('agent/socket'));
    const device = process.getuid?.() === 0;
    if (device) execFileSync('mknod', [at('agent/device'), 'c', '1', '5']);
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      expect(paths()).to.deep.equal(['agent/a']);
      expect(skipped()).to.have.deep.members([
        { path: 'agent/file-link', reason: 'Symlink' },
        { path: 'agent/folder-link', reason: 'Symlink' },
        { path: 'agent/dead-link', reason: 'Symlink' },
        { path: 'output/.logs/verifier', reason: 'Symlink' },
        { path: 'agent/fifo', reason: 'Fifo' },
        { path: 'agent/socket', reason: 'Socket' },
        ...(device ? [{ path: 'agent/device', reason: 'Device' }] : []),
      ]);
    } finally {
      server.close();
    }
  });

  it('knows what no file tells of: links, empty folders, and what may be executed', () => {
    write('agent/run');
    chmodSync(at('agent/run'), 0o755);
    write('artifacts/manifest.json/x');
    mkdirSync(at('artifacts/deep/empty'), { recursive: true });
    symlinkSync('../run', at('artifacts/deep/link'));
    symlinkSync('gone', at('artifacts/manifest.json/link'));
    mkdirSync(at('verifier'));
    const { files, links, folders } = collectLogs({ agent: logs });
    expect(files.map(({ path, executable }) => [path, executable])).to.have.deep.members([
      ['agent/run', true],
      ['output/.logs/artifacts/manifest.json/x', false],
    ]);
    expect(links).to.have.deep.members([
      { path: 'output/deep/link', target: '../run' },
      { path: 'output/.logs/artifacts/manifest.json/link', target: 'gone' },
    ]);
    expect(folders).to.have.members(['output/deep/empty', 'verifier']);
  });

  it('bounds links as it bounds names, and lets many of them hide nothing else', () => {
    for (let index = 0; index < 1100; index += 1) symlinkSync('x', at(`link-${index}`));
    execFileSync('mkfifo', [at('fifo')]);
    symlinkSync('new\nline', at('odd'));
    const { links, skipped: left } = collectLogs({ agent: logs });
    expect(links).to.have.length(1100);
    expect(left).to.have.length(1001);
    expect(left.at(-1)).to.deep.equal({ path: 'and more', reason: 'Symlink' });
    expect(left).to.deep.include({ path: 'output/.logs/fifo', reason: 'Fifo' });
    expect(left).to.deep.include({ path: 'output/.logs/odd', reason: 'Unreadable' });
    const few = collectLogs({ agent: logs }, { ...LIMITS, pathBytes: 100 });
    expect(few.links.length).to.be.below(6);
  });

  it('stops at the limits of size, count and depth', () => {
    write('agent/sparse');
    truncateSync(at('agent/sparse'), 2 ** 40);
    write('agent/1/2/3/deep');
    for (const name of ['b', 'c', 'd']) write(`agent/${name}`, 'four');
    expect(skipped()).to.deep.equal([{ path: 'agent/sparse', reason: 'TooLarge' }]);
    expect(skipped({ depth: 3 })).to.deep.include({ path: 'agent/1/2', reason: 'TooDeep' });
    expect(skipped({ totalBytes: 9 }).filter(({ reason }) => reason === 'TooLarge')).to.have.length(2);
    expect(paths({ files: 2 })).to.have.length(2);
    expect(skipped({ files: 2 }).at(-1)?.reason).to.equal('TooMany');
  });

  it('skips names that no key can hold', () => {
    for (const name of ['new\nline', 'back\\slash', 'x'.repeat(200)])
      write(`agent/${name}/${'y'.repeat(200)}/${'z'.repeat(200)}`);
    writeFileSync(Buffer.concat([Buffer.from(at('agent/')), Buffer.from([0x66, 0xff])]), 'x');
    expect(paths()).to.deep.equal([]);
    expect(skipped().every(({ reason }) => reason === 'Unreadable')).to.equal(true);
    expect(skipped()).to.have.length(4);
  });

  it('notices a file that has become another one', async () => {
    write('agent/a');
    write('agent/b');
    const [a, b] = collectLogs({ agent: logs }).files.sort((x, y) => (x.path < y.path ? -1 : 1));
    rmSync(at('agent/a'));
    symlinkSync('/etc/passwd', at('agent/a'));
    // The very file, as far as its number tells: numbers of removed files are given again.
    mkdirSync(at('real'));
    renameSync(at('agent/b'), at('real/b'));
    rmSync(at('agent'), { recursive: true });
    symlinkSync(at('real'), at('agent'));
    for (const found of [a, b]) {
      if (!found) throw new Error('two files were there');
      const failure = await sha256Of(found).catch((error: Error) => error);
      expect(failure).to.have.property('name', 'FileChanged');
    }
  });
});

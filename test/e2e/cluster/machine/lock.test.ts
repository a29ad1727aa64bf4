import { expect } from 'chai';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acquireLock } from './lock.ts';

describe('the lock of the local cluster', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lock-'));
    path = join(folder, 'lock');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('refuses a second holder, naming the first', () => {
    using _ = acquireLock(path);
    expect(() => acquireLock(path)).to.throw(`another process (${process.pid}`);
  });

  it('is gone after its holder is done', () => {
    acquireLock(path)[Symbol.dispose]();
    expect(existsSync(path)).to.equal(false);
  });

  it('is taken over from a holder that died, even when another program has its process id now', () => {
    writeFileSync(path, JSON.stringify({ pid: process.pid, started: 'long ago', checkout: '/elsewhere' }));
    using _ = acquireLock(path);
    expect(JSON.parse(readFileSync(path, 'utf8'))).to.include({ pid: process.pid });
  });

  it('is taken over when its holder died while writing it', () => {
    writeFileSync(path, '{"pid":');
    using _ = acquireLock(path);
    expect(existsSync(path)).to.equal(true);
  });
});

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import { unpackTar } from 'modern-tar/fs';
import { crossingsOf } from '../phases/apart.ts';
import { crossings, type Crossing } from './crossing.ts';

describe('what crosses to a separate verifier', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sb-crossing-'));
    mkdirSync(join(root, 'logs/artifacts/app/deep'), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const put = (path: string, text = 'x'): void => writeFileSync(join(root, 'logs', path), text);
  const found = (crossing: Crossing) => [...crossings(join(root, 'logs'), [crossing])][0]?.found;
  const APP: Crossing = { from: 'artifacts/app', to: '/app' };

  async function unpacked(archive: Readable): Promise<string[]> {
    const into = mkdtempSync(join(root, 'out-'));
    await pipeline(archive, unpackTar(into));
    return readdirSync(into, { recursive: true }).map(String).sort();
  }

  it('is a folder’s contents, of any name and length, with what may be executed', async () => {
    const long = 'ü'.repeat(60);
    put(`artifacts/app/deep/${long}`, 'a'.repeat(1500));
    put('artifacts/app/run');
    chmodSync(join(root, 'logs/artifacts/app/run'), 0o755);
    const app = found(APP);
    expect(app?.kind).to.equal('folder');
    expect(await unpacked(app!.archive())).to.deep.equal(['deep', `deep/${long}`, 'run']);
    // It can be brought again, where the connection was lost.
    const tar = join(root, 'again.tar');
    writeFileSync(tar, Buffer.concat(await Array.fromAsync(app!.archive())));
    const listed = execFileSync('tar', ['-tvf', tar], { encoding: 'utf8' });
    expect(listed).to.match(/^-rwxr-xr-x .* run$/m);
    expect(execFileSync('tar', ['-xOf', tar, `deep/${long}`], { encoding: 'utf8' })).to.have.length(1500);
  });

  it('follows no link, opens nothing but files, and keeps only links that stay inside', async () => {
    put('artifacts/app/deep/a');
    writeFileSync(join(root, 'secret'), 'secret');
    symlinkSync('deep/a', join(root, 'logs/artifacts/app/inner'));
    symlinkSync('../../../secret', join(root, 'logs/artifacts/app/outer'));
    symlinkSync(root, join(root, 'logs/artifacts/app/absolute'));
    execFileSync('mkfifo', [join(root, 'logs/artifacts/app/pipe')]);
    const app = found(APP);
    expect(await unpacked(app!.archive())).to.deep.equal(['deep', 'deep/a', 'inner']);
    expect(app?.skipped.map(({ path, reason }) => `${path} ${reason}`)).to.have.members([
      'app/pipe Fifo',
      'app/outer Symlink',
      'app/absolute Symlink',
    ]);
  });

  it('is nothing where the way there leads through a link, or nothing is there', () => {
    mkdirSync(join(root, 'elsewhere'));
    writeFileSync(join(root, 'elsewhere/x'), 'secret');
    symlinkSync(join(root, 'elsewhere'), join(root, 'logs/artifacts/link'));
    expect(found({ from: 'artifacts/link/x', to: '/x' })).to.equal(undefined);
    expect(found({ from: 'artifacts/link', to: '/x' })).to.equal(undefined);
    expect(found({ from: 'artifacts/none', to: '/x' })).to.equal(undefined);
  });

  it('is no more than the courier can hold, however many links the agent has made', async () => {
    const far = 'x/'.repeat(2000);
    for (let at = 0; at < 1500; at += 1) symlinkSync(far, join(root, `logs/artifacts/app/deep/${at}`));
    const [first, second] = crossings(join(root, 'logs'), [APP, { from: 'artifacts/app/deep', to: '/b' }]);
    const listed = async (archive: Readable): Promise<string[]> => {
      const tar = join(root, 'many.tar');
      await pipeline(archive, createWriteStream(tar));
      return execFileSync('tar', ['-tf', tar], { encoding: 'utf8' }).split('\n').filter(Boolean);
    };
    expect(await listed(first!.found.archive())).to.have.length.within(1000, 1400);
    expect(await listed(second!.found.archive())).to.deep.equal([]);
    for (const crossed of [first!, second!])
      expect(crossed.found.skipped.map(({ reason }) => reason)).to.include('TooMany');
  });

  it('is one file under the name that it had, whatever it is stored as', async () => {
    put('artifacts/other.txt', 'yes');
    const answer = found({ from: 'artifacts/other.txt', to: '/app/answer' });
    expect(answer?.kind).to.equal('file');
    const into = mkdtempSync(join(root, 'out-'));
    await pipeline(answer!.archive(), unpackTar(into));
    expect(readFileSync(join(into, 'answer'), 'utf8')).to.equal('yes');
  });

  it('never lies where the verifier has its own', async () => {
    mkdirSync(join(root, 'logs/verifier'));
    put('verifier/reward.txt', '1');
    put('artifacts/app/deep/a');
    for (const to of ['/logs/verifier', '/tests', '/sb'])
      expect(found({ from: 'verifier', to })).to.equal(undefined);
    mkdirSync(join(root, 'logs/artifacts/app/tests'));
    put('artifacts/app/tests/test.sh');
    expect(await unpacked(found({ ...APP, to: '/' })!.archive())).to.deep.equal(['deep', 'deep/a']);
  });

  it('is what was declared, where it was, and the rest of /logs/artifacts', () => {
    expect(
      crossingsOf({
        artifacts: [{ source: '/app/out', into: 'app/out' }],
        uncopied: [
          { source: '/logs/agent/trace', place: 'agent/trace', why: 'Kept' },
          { source: '/logs/artifacts', place: 'output', why: 'Kept' },
          { source: '/app/out/x', place: 'output/app/out/x', why: 'Skipped' },
        ],
      }),
    ).to.deep.equal([
      { from: 'artifacts', to: '/logs/artifacts', without: ['app/out'] },
      { from: 'agent/trace', to: '/logs/agent/trace' },
      { from: 'artifacts/app/out', to: '/app/out' },
    ]);
  });
});

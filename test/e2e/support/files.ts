/** Many small files, there and back. */
import { expect } from 'chai';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxEnvironment } from '../../../src/client/sandbox/environment.ts';

const BYTES = 200;
const IN_A_FOLDER = 100;

const digestOf = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

/** Uploads so many files and downloads them again: there are as many, and each is as it was. */
export async function filesGoThere(sandbox: SandboxEnvironment, count: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sb-files-'));
  const [up, down] = [join(folder, 'up'), join(folder, 'down')];
  const paths = Array.from({ length: count }, (_, index) => `${Math.floor(index / IN_A_FOLDER)}/${index}`);
  try {
    for (let group = 0; group * IN_A_FOLDER < count; group += 1) {
      await mkdir(join(up, String(group)), { recursive: true });
      const inIt = paths.slice(group * IN_A_FOLDER, (group + 1) * IN_A_FOLDER);
      await Promise.all(inIt.map((path) => writeFile(join(up, path), randomBytes(BYTES))));
    }
    const sent = await sandbox.upload(up, '/many');
    const { bytes, skipped } = await sandbox.download('/many', down);
    expect({ sent: sent.bytes, bytes, skipped }).to.deep.equal({
      sent: count * BYTES,
      bytes: count * BYTES,
      skipped: [],
    });
    for (const path of paths)
      expect(await digestOf(join(down, path)), path).to.equal(await digestOf(join(up, path)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

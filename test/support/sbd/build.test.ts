import { expect } from 'chai';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHITECTURES, buildSbd } from './build.ts';
import { findGo, root } from './go.ts';

const hasGo = (): boolean => {
  try {
    findGo();
    return true;
  } catch {
    return false;
  }
};

/** `e_machine` of an ELF file. */
const MACHINES = { amd64: 62, arm64: 183 };

describe('the build of sbd', function () {
  this.timeout(300_000);
  const folders: string[] = [];
  const scratch = (): string => {
    mkdirSync(join(root, 'dist'), { recursive: true });
    const folder = mkdtempSync(join(root, 'dist/sbd-test-'));
    folders.push(folder);
    return folder;
  };
  const fileOf = (folder: string, architecture: string): string => join(folder, `linux-${architecture}/sbd`);

  before(function () {
    if (hasGo()) return;
    process.stdout.write('    (skipped: sbd is built with Go 1.26 or Docker)\n');
    this.skip();
  });
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  it('gives one static file for each platform, the same bytes every time', async () => {
    const first = await buildSbd({ into: scratch() });
    const second = await buildSbd({ into: scratch() });
    for (const architecture of ARCHITECTURES) {
      const bytes = readFileSync(fileOf(first, architecture));
      expect(bytes.readUInt16LE(18), architecture).to.equal(MACHINES[architecture]);
      expect(bytes.includes('ld-linux'), 'a loader').to.equal(false);
      expect(bytes.includes(root), 'a path of this machine').to.equal(false);
      expect(bytes.equals(readFileSync(fileOf(second, architecture))), 'the same bytes').to.equal(true);
    }
  });

  it('builds nothing again whose sources are the same', async () => {
    const into = scratch();
    const file = fileOf(into, 'amd64');
    const built = async (): Promise<number> => {
      await buildSbd({ into, architectures: ['amd64'] });
      return statSync(file).mtimeMs;
    };
    const first = await built();
    expect(await built()).to.equal(first);
    writeFileSync(join(into, 'linux-amd64/sources'), 'of others');
    expect(await built()).to.be.greaterThan(first);
  });
});

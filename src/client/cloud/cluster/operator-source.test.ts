import { expect } from 'chai';
import { unzipSync } from 'fflate';
import { join } from 'node:path';
import { folderOf } from '../../../../test/support/folder.ts';
import { operatorSource } from './operator-source.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const BY_DIGEST = `registry.example/sb-operator@sha256:${'1'.repeat(64)}`;

describe('The operator’s image', () => {
  it('is the one that a release of this package has pushed', async () => {
    await using folder = await folderWith({ 'package.json': JSON.stringify({ operatorImage: BY_DIGEST }) });
    expect(operatorSource(folder.path, {})).to.deep.equal({ kind: 'image', reference: BY_DIGEST });
  });

  it('is the one that SB_OPERATOR_IMAGE names before any other', () => {
    const source = operatorSource(ROOT, { SB_OPERATOR_IMAGE: BY_DIGEST });
    expect(source).to.deep.equal({ kind: 'image', reference: BY_DIGEST });
  });

  it('is never one by a tag, which could be pushed anew', () => {
    expect(() => operatorSource(ROOT, { SB_OPERATOR_IMAGE: 'registry.example/sb-operator:1' })).to.throw(
      /is no image by digest/,
    );
  });

  it('is built of a checkout: of what its Dockerfile copies, without tests, and the same bytes each time', () => {
    const [one, other] = [operatorSource(ROOT, {}), operatorSource(ROOT, {})];
    if (one.kind !== 'context' || other.kind !== 'context') throw new Error('this is no checkout');
    expect(Buffer.from(one.archive).equals(Buffer.from(other.archive))).to.equal(true);
    const files = Object.keys(unzipSync(one.archive));
    expect(files).to.include.members(['Dockerfile', 'package-lock.json', 'src/operator.ts', 'sbd/main.go']);
    expect(files.filter((file) => /\.test\.ts$|node_modules|\.git\//.test(file))).to.deep.equal([]);
    expect(one.archive.length).to.be.below(5_000_000);
  });

  it('cannot be had of a package that names none, which says what to do', async () => {
    await using folder = await folderWith({ 'package.json': '{}' });
    expect(() => operatorSource(folder.path, {})).to.throw(/names no image of the operator/);
  });
});

async function folderWith(files: Record<string, string>): Promise<AsyncDisposable & { path: string }> {
  const folder = await folderOf(files);
  return { path: folder.path, [Symbol.asyncDispose]: () => folder.remove() };
}

import { expect } from 'chai';
import { release } from './release.ts';

describe('memory that is given back', () => {
  it('is gone at once', () => {
    const bytes = Buffer.allocUnsafeSlow(64 * 1024);
    release(bytes);
    expect(bytes.length).to.equal(0);
    // Twice is once.
    release(bytes);
  });

  it('stays where others look at it, too', () => {
    const all = Buffer.allocUnsafeSlow(64 * 1024).fill(7);
    for (const part of [all.subarray(1), all.subarray(0, 100), Buffer.from('small'), new Uint8Array(0)]) {
      const { length } = part;
      release(part);
      expect(part).to.have.length(length);
    }
    expect(all.every((byte) => byte === 7)).to.equal(true);
  });
});

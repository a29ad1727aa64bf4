import { expect } from 'chai';
import { aheadMs } from './diagnose.ts';

const SERVER = '2026-01-31T14:25:01Z';
const at = (ms: number): number => Date.parse(SERVER) + ms;

describe('The clock of this machine', () => {
  it('is right where the server’s whole second lies within the question', () => {
    expect(aheadMs(at(-100), at(200), SERVER)).to.equal(0);
    expect(aheadMs(at(900), at(1200), SERVER)).to.equal(0);
  });

  it('is ahead or behind by what cannot be explained otherwise', () => {
    expect(aheadMs(at(11_000), at(11_200), SERVER)).to.equal(10_000);
    expect(aheadMs(at(-10_200), at(-10_000), SERVER)).to.equal(-10_000);
  });

  it('is not judged by a server that does not tell its time', () => {
    expect(aheadMs(at(0), at(1), undefined)).to.equal(0);
  });
});

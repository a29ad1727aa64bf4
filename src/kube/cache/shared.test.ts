import { expect } from 'chai';
import fc from 'fast-check';
import { Shared } from './shared.ts';

const container = (image: string) => ({
  image,
  env: [{ name: 'SB_BROKER_URL', value: 'https://broker.test:8443' }],
  command: ['/sb/sbd', 'serve'],
});

describe('shared values', () => {
  it('read as they did before, whatever they are', () => {
    const shared = new Shared();
    const reads = (value: unknown): void => {
      for (const way of ['texts', 'whole', 'fields'] as const)
        expect(shared[way](structuredClone(value))).to.deep.equal(value);
    };
    fc.assert(fc.property(fc.jsonValue(), reads), { seed: 20261130, numRuns: 300 });
  });

  it('are there once', () => {
    const shared = new Shared();
    const [one, other] = ['image-one', 'image-two'].map((image) => shared.fields(container(image)));
    expect(one?.env).to.equal(other?.env);
    expect(one?.image).to.equal('image-one');
    expect(shared.whole(container('image'))).to.equal(shared.whole(container('image')));
  });

  it('cannot be changed, for they are others’, too', () => {
    const { env } = new Shared().fields(container('image'));
    expect(() => env.push({ name: 'A', value: 'b' })).to.throw(TypeError);
    expect(() => (env[0]!.value = 'c')).to.throw(TypeError);
  });

  it('that are long are compared by their parts', () => {
    const shared = new Shared();
    const long = () => ({ ...container('image'), script: 'x'.repeat(100_000) });
    const [one, other] = [shared.whole(long()), shared.whole(long())];
    expect(one).to.deep.equal(long());
    expect(one.env).to.equal(other.env);
  });

  it('are forgotten once many others came', () => {
    const shared = new Shared();
    const first = shared.whole(container('first'));
    for (let index = 0; index < 3000; index++) shared.whole(container(`image-${index}`));
    expect(shared.whole(container('first'))).to.not.equal(first);
  });
});

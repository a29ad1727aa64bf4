import { expect } from 'chai';
import { Lru } from './lru.ts';

describe('Lru', () => {
  it('forgets what was not used for longest', () => {
    const lru = new Lru<number>(2);
    lru.set('a', 1);
    lru.set('b', 2);
    lru.get('a');
    lru.set('c', 3);
    expect([lru.get('a'), lru.get('b'), lru.get('c')]).to.deep.equal([1, undefined, 3]);
  });

  it('counts a key that is set again once', () => {
    const lru = new Lru<number>(2);
    for (const [key, value] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ] as const)
      lru.set(key, value);
    expect([lru.get('a'), lru.get('b')]).to.deep.equal([3, 2]);
  });
});

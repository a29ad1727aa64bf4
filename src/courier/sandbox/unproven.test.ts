import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { Unproven } from './unproven.ts';

/** A connection from there, as far as it is looked at. */
class From extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;
  destroyed = false;
  static #port = 1000;

  constructor(address: string) {
    super();
    this.remoteAddress = address;
    this.remotePort = From.#port += 1;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const lost = (...sockets: From[]): boolean[] => sockets.map(({ destroyed }) => destroyed);

describe('Connections that have proved nothing', () => {
  let now: number;
  beforeEach(() => (now = 0));
  const places = (max: number): Unproven => new Unproven(max, () => now);
  const enter = (unproven: Unproven, ...addresses: string[]): From[] =>
    addresses.map((address) => {
      const socket = new From(address);
      unproven.enter(socket as unknown as Socket);
      return socket;
    });

  it('give way to one of an address that has fewer: the oldest of the address that has most', () => {
    const unproven = places(4);
    const held = enter(unproven, 'next', 'next', 'next', 'next');
    const [broker] = enter(unproven, 'broker');
    const [other] = enter(unproven, 'other');
    expect(lost(...held, broker!, other!)).to.deep.equal([true, true, false, false, false, false]);
  });

  it('are no work for each further one of an address that has most: it is closed, until the oldest has had a second', () => {
    const unproven = places(2);
    const held = enter(unproven, 'next', 'next');
    now = 999;
    expect(lost(...enter(unproven, 'next', 'next'))).to.deep.equal([true, true]);
    expect(lost(...held)).to.deep.equal([false, false]);
    now = 1000;
    expect(lost(...enter(unproven, 'next'), ...held)).to.deep.equal([false, true, false]);
  });

  it('of as many addresses as there are places keep out another for a second', () => {
    const unproven = places(2);
    const held = enter(unproven, 'a', 'b');
    expect(lost(...enter(unproven, 'c'), ...held)).to.deep.equal([true, false, false]);
    now = 1000;
    expect(lost(...enter(unproven, 'c'), ...held)).to.deep.equal([false, true, false]);
  });

  it('count no more once they are closed, or proved', () => {
    const unproven = places(2);
    const [first, second] = enter(unproven, 'a', 'a');
    first!.destroy();
    unproven.prove(second!);
    expect(lost(second!, ...enter(unproven, 'a', 'a'))).to.deep.equal([false, false, false]);
  });

  it('count once where they are handed on', () => {
    const unproven = places(2);
    const [first, second] = enter(unproven, 'a', 'a');
    expect(unproven.enter(second as unknown as Socket)).to.equal(true);
    expect(lost(first!, second!)).to.deep.equal([false, false]);
  });
});

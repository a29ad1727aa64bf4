import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { BadFrame } from '../hand/bodies.ts';
import { frameCutter, greeting, Link, readGreeting } from './link.ts';
import type { LinkHello, LinkRefused, LinkWelcome } from './link.ts';

interface Vectors {
  greetings: (
    | { hex: string; type: 'hello'; body: LinkHello }
    | { hex: string; type: 'welcome'; body: LinkWelcome }
    | { hex: string; type: 'refused'; body: LinkRefused }
  )[];
  /** What one side sends of what it kept, and what is left after a break. */
  resumption: { sent: string[]; received: number; sentAgain: string[] };
  bad: { what: string; type: 'hello' | 'welcome' | 'refused'; hex: string }[];
}

const vectors = JSON.parse(readFileSync(new URL('link-vectors.json', import.meta.url), 'utf8')) as Vectors;
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

describe('The vectors of the link', () => {
  it('are what is written and read', () => {
    for (const { hex, type, body } of vectors.greetings) {
      expect(greeting(type, body).toString('hex')).to.equal(hex);
      expect(readGreeting(type, bytes(hex))).to.deep.equal(body);
    }
  });

  it('are cut out of a stream wherever it breaks', () => {
    const all = vectors.greetings.map(({ hex }) => hex);
    for (const size of [1, 7, 4096]) {
      const found: string[] = [];
      const cut = frameCutter((frame) => found.push(frame.toString('hex')));
      const stream = bytes(all.join(''));
      for (let at = 0; at < stream.length; at += size) cut(stream.subarray(at, at + size));
      expect(found).to.deep.equal(all);
    }
  });

  it('say what is sent again on the next connection', () => {
    const { sent, received, sentAgain } = vectors.resumption;
    const link = new Link({ onFrame: () => {}, onRoom: () => {} });
    for (const hex of sent) link.send(bytes(hex));
    const again: string[] = [];
    link.connect((frame) => again.push(frame.toString('hex')), received);
    expect(again).to.deep.equal(sentAgain);
  });

  for (const { what, type, hex } of vectors.bad)
    it(`refuse ${what}`, () => {
      expect(() => readGreeting(type, bytes(hex))).to.throw(BadFrame);
    });
});

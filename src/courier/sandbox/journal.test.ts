import { expect } from 'chai';
import fc from 'fast-check';
import { Journal } from './journal.ts';

const allOf = (journal: Journal, from: number): Buffer => {
  const pieces: Buffer[] = [];
  for (let at = from; at < journal.head;) {
    const piece = journal.read(at, 1000);
    pieces.push(Buffer.from(piece));
    at += piece.length;
  }
  return Buffer.concat(pieces);
};

describe('the journal of a channel', () => {
  it('has the last bytes, and all that are needed, by their offsets', () => {
    const bytes = fc.uint8Array({ maxLength: 3000 });
    const trim = fc.record({ keep: fc.nat({ max: 4000 }), needed: fc.nat({ max: 20_000 }) });
    fc.assert(
      fc.property(fc.array(fc.oneof(bytes, trim), { maxLength: 40 }), (acts) => {
        const journal = new Journal();
        let written = Buffer.alloc(0);
        let start = 0;
        for (const act of acts) {
          if (act instanceof Uint8Array) {
            journal.append(act);
            written = Buffer.concat([written, act]);
          } else {
            const needed = Math.min(act.needed, journal.head);
            journal.trim(act.keep, needed);
            start = Math.max(start, Math.min(needed, journal.head - act.keep));
          }
          expect([journal.start, journal.head]).to.deep.equal([start, written.length]);
        }
        expect(allOf(journal, start).equals(written.subarray(start))).to.equal(true);
      }),
    );
  });

  it('goes on at a later offset where bytes never came', () => {
    const journal = new Journal();
    journal.append(Buffer.from('abc'));
    journal.skipTo(2);
    expect(allOf(journal, 0).toString()).to.equal('abc');
    journal.skipTo(10);
    journal.append(Buffer.from('de'));
    expect([journal.start, journal.head, allOf(journal, 10).toString()]).to.deep.equal([10, 12, 'de']);
  });

  it('holds little more than what it keeps, whatever the pieces are', () => {
    const journal = new Journal();
    for (let turn = 0; turn < 300_000; turn += 1) {
      journal.append(Buffer.from([turn & 255]));
      journal.trim(64 * 1024);
    }
    expect(journal.held).to.be.within(64 * 1024, 132 * 1024);
    expect(new Journal().held).to.equal(0);
  });
});

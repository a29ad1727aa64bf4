import { expect } from 'chai';
import { Lease } from '../kinds.ts';
import { claimed, Handover, released } from './lease-record.ts';

const NOTE = 'note';
const VERSIONS = { 'batch/jobs': '7' };

describe('what is handed over with a lease', () => {
  const handover = new Handover(NOTE, () => VERSIONS);
  const held: Lease = {
    apiVersion: `${Lease.group}/${Lease.version}`,
    kind: Lease.kind,
    metadata: { namespace: 'sb-system', name: 'sb-operator', annotations: { other: 'kept' } },
    spec: claimed(undefined, { identity: 'a', now: 1000, durationMs: 15_000 }),
  };
  const given = handover.written({ ...held, spec: released(held.spec!, 2000) });
  /** A lease that was given away, whose note says `text`. */
  const noted = (text: string): Lease => ({
    ...given,
    metadata: { ...given.metadata, annotations: { [NOTE]: text } },
  });

  it('is what the leader knew as it gave the lease away', () => {
    expect(handover.read(given)).to.deep.equal(VERSIONS);
    expect(handover.removed(given).metadata).to.deep.equal(held.metadata);
  });

  it('is not believed of a lease that is held', () => {
    const spec = claimed(given.spec, { identity: 'b', now: 2000, durationMs: 15_000 });
    expect(handover.read({ ...given, spec })).to.equal(undefined);
  });

  it('is not believed where another led since and left the note, as an operator does that does not know it', () => {
    const spec = claimed(given.spec, { identity: 'b', now: 3000, durationMs: 15_000 });
    expect(handover.read({ ...given, spec: released(spec, 4000) })).to.equal(undefined);
  });

  const at = JSON.stringify(given.spec?.renewTime);
  const wrong = ['', 'null', '7', '[]', '{', '{"versions":{"a":"7"}}', `{"released":${at}}`];
  const versions = ['null', '"7"', '{"a":7}', '{"a":"7&limit=1"}', '{"a":{"b":"7"}}'];
  for (const text of [...wrong, ...versions.map((told) => `{"released":${at},"versions":${told}}`)])
    it(`is nothing where the note says ${text || 'nothing'}`, () => {
      expect(handover.read(noted(text))).to.equal(undefined);
    });
});

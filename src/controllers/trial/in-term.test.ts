import { expect } from 'chai';
import { aTrial } from '../../../test/support/builders/objects.ts';
import { recordingLog } from '../../../test/support/kube.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import type { Trial } from '../../crds/trial.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { InTerm } from './in-term.ts';

/** As it is at that version. */
const made = (name: string, version: number): Trial => {
  const trial = aTrial();
  const metadata = { ...trial.metadata, name, uid: name, resourceVersion: String(version) };
  return { ...trial, metadata };
};

describe('what a leader knows of Trials', () => {
  let trials: ObjectCache<Trial>;
  let inTerm: InTerm;
  /** The version of all Trials when it is asked for. */
  let version: number | undefined;
  let asked: string[];
  beforeEach(() => {
    trials = new ObjectCache(TrialKind);
    version = 10;
    asked = [];
    const raw = async (path: string): Promise<unknown> => {
      asked.push(path);
      if (version === undefined) throw new Error('the API server is away');
      return { metadata: { resourceVersion: String(version) } };
    };
    inTerm = new InTerm({ trials, kube: { raw } });
  });

  /** Leads, and has the version. Returns what ends the term. */
  async function lead(): Promise<() => void> {
    const end = inTerm.feed().start(() => undefined, recordingLog());
    await new Promise((resolve) => setImmediate(resolve));
    return end;
  }

  it('is certain that a Trial which is created now was never begun, until its Job is made', async () => {
    await lead();
    const trial = made('new', 11);
    trials.update(trial);
    expect(inTerm.isUnbegun(trial)).to.equal(true);
    trials.update(made('new', 12));
    expect(inTerm.isUnbegun(trial)).to.equal(true);
    inTerm.begins(trial);
    trials.update(made('new', 13));
    expect(inTerm.isUnbegun(trial)).to.equal(false);
  });

  it('asks for one object, once a term', async () => {
    await lead();
    for (let at = 11; at < 20; at++) trials.update(made(`trial-${at}`, at));
    expect(asked).to.deep.equal(['/apis/sb.abundant.ai/v1alpha1/trials?limit=1']);
  });

  for (const [what, come] of [
    ['was there before this process watched', () => trials.put(made('trial', 11))],
    ['a watch that lags brings from the term of another', () => trials.update(made('trial', 9))],
    ['a list has after the watch was away, changed since', () => trials.put(made('trial', 12))],
  ] as const)
    it(`is certain of no Trial that ${what}`, async () => {
      await lead();
      come();
      expect(inTerm.isUnbegun(made('trial', 12))).to.equal(false);
    });

  it('is certain of no Trial that came while another led', async () => {
    const end = await lead();
    trials.update(made('before', 11));
    end();
    trials.update(made('between', 12));
    version = 13;
    await lead();
    trials.update(made('after', 14));
    const sure = ['before', 'between', 'after'].filter((name) => inTerm.isUnbegun(made(name, 14)));
    expect(sure).to.deep.equal(['after']);
  });

  it('takes a version that comes late, of the term before, for none of this term', async () => {
    inTerm.feed().start(() => undefined, recordingLog())();
    version = undefined;
    await lead();
    trials.update(made('trial', 11));
    expect(inTerm.isUnbegun(made('trial', 11))).to.equal(false);
  });

  it('forgets a Trial with its object', async () => {
    await lead();
    trials.update(made('trial', 11));
    trials.remove(made('trial', 12));
    expect(inTerm.isUnbegun(made('trial', 11))).to.equal(false);
  });

  it('no longer counts Trials that were deleted while another led, for which all later ones waited the longer', async () => {
    const end = await lead();
    const passes = (name: string, isPassing = true): number =>
      inTerm.passes({ namespace: 'default', name }, isPassing);
    expect([passes('a'), passes('b'), passes('b', false), passes('c')]).to.deep.equal([1, 2, 1, 2]);
    end();
    // A pass that the end of the term overtook.
    passes('late');
    await lead();
    expect(passes('d')).to.equal(1);
  });

  it('counts Trials that wait for their first pass, which are not in a hurry to be told about either', async () => {
    await lead();
    for (const name of ['a', 'b', 'c']) trials.update(made(name, 11));
    const { namespace = '' } = made('a', 11).metadata;
    expect(inTerm.passes({ namespace, name: 'd' }, true)).to.equal(4);
    expect(inTerm.passes({ namespace, name: 'a' }, false)).to.equal(3);
    trials.remove(made('b', 12));
    expect(inTerm.passes({ namespace, name: 'd' }, true)).to.equal(2);
  });

  it('lets no namespace wait for its word because another has many Trials in passing states', async () => {
    await lead();
    const passes = (namespace: string, name: string, isPassing = true): number =>
      inTerm.passes({ namespace, name }, isPassing);
    for (let trial = 0; trial < 1000; trial++) passes('many', String(trial));
    expect([passes('one', 'a'), passes('many', '0')]).to.deep.equal([2, 2000]);
    passes('one', 'a', false);
    expect(passes('many', '0')).to.equal(1000);
  });
});

import { expect } from 'chai';
import { configMap } from '../../../test/support/kube.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { ConfigMap } from '../kinds.ts';
import { ObjectCache } from './cache.ts';
import { compareVersions } from './versions.ts';

function version(resourceVersion: string, data: Record<string, string> = {}, uid = 'u1'): ConfigMap {
  const object = configMap('a', data);
  Object.assign(object.metadata, { resourceVersion, uid });
  return object;
}

describe('object cache', () => {
  let cache: ObjectCache<ConfigMap>;
  let told: string[];
  beforeEach(() => {
    cache = new ObjectCache(ConfigMap);
    cache.addIndex('colour', ({ data }) => (data?.['colour'] === undefined ? [] : [data['colour']]));
    cache.finishList(new Set(), '1');
    told = [];
    cache.subscribe(({ type, object }) => told.push(`${type} ${object.metadata.resourceVersion}`));
  });

  it('ignores duplicate, reordered and replayed events (fault 24)', () => {
    for (const at of ['9', '10', '10', '9']) cache.update(version(at));
    cache.remove(version('9'));
    expect(told).to.deep.equal(['added 9', 'modified 10']);
    expect(cache.get({ namespace: 'default', name: 'a' })?.metadata.resourceVersion).to.equal('10');
  });

  it('believes a list, even an older one: etcd may have been restored', () => {
    cache.update(version('10'));
    cache.put(version('5'));
    expect(told).to.deep.equal(['added 10', 'modified 5']);
  });

  it('tells of another UID under the same name as an end and a beginning (fault 25)', () => {
    cache.update(version('9'));
    cache.update(version('11', {}, 'u2'));
    expect(told).to.deep.equal(['added 9', 'deleted 9', 'added 11']);
  });

  it('files objects anew when what they are indexed by changes', () => {
    cache.update(version('9', { colour: 'red' }));
    cache.update(version('10', { colour: 'blue' }));
    expect(cache.by('colour', 'red')).to.deep.equal([]);
    expect(cache.by('colour', 'blue')).to.have.length(1);
    cache.remove(version('11'));
    expect(cache.by('colour', 'blue')).to.deep.equal([]);
  });

  it('fills an index that is added late, and knows no other', () => {
    cache.update(version('9'));
    cache.addIndex('name', ({ metadata }) => [metadata.name]);
    expect(cache.by('name', 'a')).to.have.length(1);
    expect(() => cache.by('shape', 'round')).to.throw('no index shape; known: colour, name');
  });

  it('is fresh while it hears of the API server, and after a silence not before what happened meanwhile has come', async () => {
    const clock = new ManualClock();
    const heard = new ObjectCache(ConfigMap, clock);
    const after = async (ms: number, hears = true): Promise<boolean> => {
      await clock.advance(ms);
      if (hears) heard.heard();
      return heard.fresh;
    };
    expect([await after(0, false), await after(0), await after(1000), await after(1000)]).to.deep.equal([
      false,
      false,
      false,
      true,
    ]);
    expect([await after(20_000, false), await after(1, false)]).to.deep.equal([true, false]);
    expect([await after(60_000), await after(1999), await after(1)]).to.deep.equal([false, false, true]);
  });

  it('tells how long the API server has said nothing, also where it never did', async () => {
    const clock = new ManualClock();
    await clock.advance(5000);
    const listening = new ObjectCache(ConfigMap, clock);
    await clock.advance(3000);
    expect(listening.silentMs).to.equal(3000);
    listening.heard();
    await clock.advance(70_000);
    expect(listening.silentMs).to.equal(70_000);
  });

  it('orders versions of any length', () => {
    expect(compareVersions('9', '10')).to.be.below(0);
    expect(compareVersions('18446744073709551617', '18446744073709551616')).to.be.above(0);
    expect(compareVersions(undefined, '1')).to.be.below(0);
    expect(compareVersions('7', '7')).to.equal(0);
  });
});

import { expect } from 'chai';
import { configMap, recordingLog } from '../../../test/support/kube.ts';
import { keyOf, ObjectCache } from '../cache/cache.ts';
import { ConfigMap } from '../kinds.ts';
import { feed } from './feed.ts';
import { BACKLOG, LIVE, SOONER } from './queue.ts';

const version = (name: string, at: string, data: Record<string, string> = {}): ConfigMap => {
  const object = configMap(name, data);
  Object.assign(object.metadata, { resourceVersion: at, uid: name });
  return object;
};

describe('a feed of what is to be finished', () => {
  it('has it come before the rest, at the start and later', () => {
    const store = new ObjectCache(ConfigMap);
    for (const object of [version('old', '1'), version('over', '2', { over: 'yes' })]) store.put(object);
    const fed: [string, number | undefined][] = [];
    const sooner = ({ data = {} }: ConfigMap): boolean => data['over'] === 'yes';
    feed({ store, keys: (object) => [keyOf(object)], sooner }).start(
      ({ name }, { priority }) => fed.push([name, priority]),
      recordingLog(),
    );
    expect(fed.splice(0)).to.deep.equal([
      ['old', BACKLOG],
      ['over', BACKLOG + SOONER],
    ]);
    store.update(version('old', '3', { over: 'yes' }));
    expect(fed).to.deep.include(['old', LIVE + SOONER]);
  });
});

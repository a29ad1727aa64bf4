import { expect } from 'chai';
import { ApiServer } from '../../../test/support/api-server.ts';
import { connectTo } from '../../../test/support/kube.ts';
import { Job } from '../kinds.ts';
import { Caches } from './caches.ts';

describe('the caches that see a write', () => {
  let server: ApiServer;
  const closers: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    server = await ApiServer.start();
    closers.push(() => server.close());
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });

  it('are those whose selectors choose the object: no other would ever show it', () => {
    const kube = connectTo(server);
    closers.push(() => kube.close());
    const caches = new Caches({ ...kube, random: () => 0 });
    const all = caches.watch(Job);
    const trials = caches.watch(Job, { labelSelector: 'a/trial' });
    const boxes = caches.watch(Job, { labelSelector: 'a/box' });
    const valued = caches.watch(Job, { labelSelector: 'a/box=one' });
    const of = (labels?: Record<string, string>) =>
      caches.written(Job, {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'a', namespace: 'default', ...(labels && { labels }) },
      });
    expect(of({ 'a/trial': 'x' })).to.deep.equal([all, trials, valued]);
    expect(of({ 'a/box': 'x' })).to.deep.equal([all, boxes, valued]);
    expect(of()).to.deep.equal([all, valued]);
  });
});

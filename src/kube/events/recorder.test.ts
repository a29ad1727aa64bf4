import { expect } from 'chai';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { configMap, recordingLog } from '../../../test/support/kube.ts';
import { ApiError } from '../errors.ts';
import type { Event } from '../kinds.ts';
import type { EventRecorder } from '../types.ts';
import { createEventRecorder } from './recorder.ts';

describe('event recorder', () => {
  let clock: ManualClock;
  let created: Event[];
  let patches: { name: string; count?: number }[];
  let failure: Error | undefined;
  let recorder: EventRecorder & { flush(): Promise<void> };
  const object = configMap('a');

  beforeEach(() => {
    clock = new ManualClock();
    created = [];
    patches = [];
    failure = undefined;
    const client = {
      create: async (_: unknown, event: unknown) => {
        if (failure) throw failure;
        created.push(event as Event);
        return event as never;
      },
      patch: async (_: unknown, { name }: { name: string }, change: object) => {
        if (failure) throw failure;
        patches.push({ name, ...change });
        return change as never;
      },
    };
    const names = { component: 'sb-operator', instance: 'sb-operator-1' };
    let calls = 0;
    const random = (): number => (calls++ % 1000) / 1000;
    recorder = createEventRecorder({ client, ...names, clock, random, log: recordingLog() });
  });

  it('writes an event about the object, into its namespace', async () => {
    recorder.warning(object, 'Failed', 'it failed');
    await recorder.flush();
    expect(created[0]).to.deep.include({ type: 'Warning', reason: 'Failed', message: 'it failed', count: 1 });
    expect(created[0]?.involvedObject).to.deep.include({
      kind: 'ConfigMap',
      namespace: 'default',
      name: 'a',
    });
    expect(created[0]?.metadata.namespace).to.equal('default');
  });

  it('counts up an event that repeats', async () => {
    for (let i = 0; i < 3; i++) recorder.normal(object, 'Started', 'it started');
    await recorder.flush();
    expect(created).to.have.length(1);
    expect(patches.map(({ count }) => count)).to.deep.equal([2, 3]);
    expect(patches[0]?.name).to.equal(created[0]?.metadata.name);
  });

  it('combines similar events after ten', async () => {
    for (let i = 0; i < 14; i++) recorder.normal(object, 'Pulled', `image ${i}`);
    await recorder.flush();
    expect(created).to.have.length(11);
    expect(created.at(-1)?.message).to.equal('(combined from similar events): image 10');
    expect(patches).to.have.length(3);
  });

  it('writes 25 events of one object at once, then one in five minutes', async () => {
    for (let i = 0; i < 40; i++) recorder.normal(object, `Reason${i}`, 'text');
    await recorder.flush();
    expect(created).to.have.length(25);
    recorder.normal(configMap('b'), 'Other', 'text');
    await clock.advance(300_000);
    recorder.normal(object, 'Later', 'text');
    recorder.normal(object, 'TooSoon', 'text');
    await recorder.flush();
    expect(created.map(({ reason }) => reason).slice(25)).to.deep.equal(['Other', 'Later']);
  });

  it('writes the first 25 of one kind in a namespace, then one in five seconds, and all that another has to say', async () => {
    const ended = (namespace: string, name: string, reason = 'RewardObtained'): void => {
      const { metadata, ...rest } = configMap(name);
      recorder.normal({ ...rest, metadata: { ...metadata, namespace } }, reason, 'reward 1');
    };
    for (let i = 0; i < 500; i++) ended('ada', `o${i}`);
    ended('bob', 'one');
    ended('ada', 'other', 'OOMKilled');
    await recorder.flush();
    expect(created.map(({ metadata }) => metadata.namespace).slice(0, 25)).to.deep.equal(
      Array(25).fill('ada'),
    );
    expect(created.slice(25).map(({ involvedObject }) => involvedObject?.name)).to.deep.equal([
      'one',
      'other',
    ]);
    await clock.advance(15_000);
    for (let i = 500; i < 510; i++) ended('ada', `o${i}`);
    await recorder.flush();
    expect(created).to.have.length(30);
  });

  it('writes an event anew that the server has forgotten', async () => {
    recorder.normal(object, 'Started', 'it started');
    await recorder.flush();
    failure = new ApiError({ status: 404, reason: 'NotFound', message: '' });
    recorder.normal(object, 'Started', 'it started');
    await new Promise((resolve) => setImmediate(resolve));
    failure = undefined;
    recorder.normal(object, 'Started', 'it started');
    await recorder.flush();
    expect([created.length, patches.length]).to.deep.equal([1, 1]);
  });

  it('never throws, and drops events past a thousand when the server is away', async () => {
    failure = new ApiError({ status: 0, reason: 'Unreachable', message: 'down' });
    for (let i = 0; i < 5000; i++) recorder.normal(configMap(`o${i}`), 'Reason', 'text');
    failure = undefined;
    await recorder.flush();
    expect(created.length).to.be.within(1, 1001);
  });

  it('keeps names and messages within what the API server takes (fault 38)', async () => {
    recorder.normal(configMap('n'.repeat(253)), 'Reason', 'x'.repeat(5000));
    await recorder.flush();
    expect(created[0]?.metadata.name.length).to.be.at.most(253);
    expect(created[0]?.message).to.have.length(1024);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryArtifactStore } from '../../../../providers/artifact-store/memory.ts';
import type { ArtifactStore } from '../../../../providers/artifact-store/port.ts';
import { ProviderError } from '../../../../providers/errors.ts';
import { rewarded, RUN } from '../../../../../test/support/run-trials.ts';
import { aggregateKey, entriesPrefix, RunIndex } from './indexes.ts';
import { recordOf, type TrialRecord } from '../../../../results/record.ts';

const recordNamed = (name: string): TrialRecord => {
  const record = recordOf(rewarded(1, { name, task: { name: 'org/one', version: '0123456789ab' } }));
  if (!record) throw new Error('it has ended');
  return record;
};
const namesOf = (records: TrialRecord[]): { names: string[] } => ({
  names: records.map(({ name }) => name).sort(),
});
const keysOf = async (store: ArtifactStore, prefix: string): Promise<string[]> =>
  (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);
async function aggregateIn(store: ArtifactStore): Promise<{ names: string[] }> {
  const contents = await store.get(aggregateKey(RUN), 2 ** 20);
  return JSON.parse(Buffer.from(contents ?? '').toString('utf8')) as { names: string[] };
}

/** A store in which every call takes its own time, before and after it is carried out. */
function unhurried(store: ArtifactStore, random: () => number): ArtifactStore {
  const pause = (): Promise<void> => sleep(random() * 3);
  return new Proxy(store, {
    get(target, property: keyof ArtifactStore) {
      const method = target[property] as unknown;
      if (typeof method !== 'function') return method;
      if (property === 'list') return method.bind(target) as unknown;
      return async (...inputs: unknown[]): Promise<unknown> => {
        await pause();
        const result: unknown = await (method.apply(target, inputs) as Promise<unknown>);
        await pause();
        return result;
      };
    },
  });
}

describe('Index of a run', () => {
  it('has one object for each Trial under its task and version, and the aggregate of all', async () => {
    const store = memoryArtifactStore();
    const index = new RunIndex(store, RUN);
    for (const name of ['a', 'b']) index.add(recordNamed(name));
    await index.publish(namesOf);
    const [a, b] = ['a', 'b'].map((name) => recordNamed(name).trial_name);
    expect(await keysOf(store, 'indexes/')).to.deep.equal([
      `indexes/tasks/org/one/0123456789ab/${a}.json`,
      `indexes/tasks/org/one/0123456789ab/${b}.json`,
    ]);
    expect(await aggregateIn(store)).to.deep.equal({ names: ['a', 'b'] });
  });

  it('never changes an entry that is there', async () => {
    const store = memoryArtifactStore();
    for (const reason of ['RewardObtained', 'Another']) {
      const index = new RunIndex(store, RUN);
      index.add({ ...recordNamed('a'), reason });
      await index.publish(namesOf);
    }
    const [key = ''] = await keysOf(store, entriesPrefix(RUN));
    const entry = JSON.parse(Buffer.from((await store.get(key, 9999)) ?? '').toString()) as TrialRecord;
    expect(entry.reason).to.equal('RewardObtained');
  });

  it('knows of Trials that another writer saw, even where they are gone from the cluster', async () => {
    const store = memoryArtifactStore();
    const first = new RunIndex(store, RUN);
    first.add(recordNamed('gone'));
    await first.publish(namesOf);
    const second = new RunIndex(store, RUN);
    second.add(recordNamed('later'));
    await second.publish(namesOf);
    expect(await aggregateIn(store)).to.deep.equal({ names: ['gone', 'later'] });
  });

  it('is completed by the next writer where one dies between entry and index, or before the aggregate', async () => {
    let puts = 0;
    const store = memoryArtifactStore({
      fault: (operation) =>
        operation === 'put' && ++puts === 2 ? new ProviderError('AccessDenied', 'dead') : undefined,
    });
    const dying = new RunIndex(store, RUN);
    dying.add(recordNamed('a'));
    await dying.publish(namesOf).then(
      () => expect.fail('it lived'),
      () => undefined,
    );
    const next = new RunIndex(store, RUN);
    next.add(recordNamed('a'));
    await next.publish(namesOf);
    expect(await aggregateIn(store)).to.deep.equal({ names: ['a'] });
    expect(await keysOf(store, 'indexes/')).to.have.length(1);
  });

  it('loses no entry however two writers come in between each other', async function () {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(
        names,
        names,
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        async (one, two, dice) => {
          const store = memoryArtifactStore();
          const slow = unhurried(store, () => dice.next().value ?? 0);
          await Promise.all(
            [one, two].map(async (mine) => {
              const index = new RunIndex(slow, RUN);
              for (const name of mine) {
                index.add(recordNamed(name));
                await index.publish(namesOf);
              }
            }),
          );
          const all = [...new Set([...one, ...two])].sort();
          expect(await aggregateIn(store)).to.deep.equal({ names: all });
          expect(await keysOf(store, 'indexes/')).to.have.length(all.length);
        },
      ),
      { numRuns: 40 },
    );
  });
});

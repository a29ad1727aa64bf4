import { expect } from 'chai';
import { parseTaskToml } from '../tasks/index.ts';
import { KnownTasks, type Fetched } from './known.ts';

const MEBIBYTE = 2 ** 20;
const read = (bytes?: number): Fetched => ({
  kind: 'found',
  task: { config: parseTaskToml(''), files: [] },
  ...(bytes !== undefined && { bytes }),
});

describe('tasks that were read before', () => {
  it('are kept up to a bound, those that were used last the longest', async () => {
    const known = new KnownTasks();
    const fetched: string[] = [];
    const get = (key: string, bytes?: number) =>
      known.get(key, async () => {
        fetched.push(key);
        return read(bytes);
      });
    await get('a', 3 * MEBIBYTE);
    await get('b', 3 * MEBIBYTE);
    await get('a');
    await get('c', 3 * MEBIBYTE);
    fetched.length = 0;
    for (const key of ['a', 'c', 'b']) await get(key);
    expect(fetched).to.deep.equal(['b']);
  });

  it('are asked for once by all that ask at the same time, and again after a failure', async () => {
    const known = new KnownTasks();
    let asked = 0;
    const fail = async (): Promise<Fetched> => {
      asked += 1;
      throw new Error('away');
    };
    const both = await Promise.allSettled([known.get('a', fail), known.get('a', fail)]);
    expect(both.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    expect(asked).to.equal(1);
    expect(await known.get('a', async () => read())).to.include({ kind: 'found' });
  });
});

import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'chai';
import { createBudget, inParallel } from './in-parallel.ts';

const failing = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: Error) => error,
  );

describe('Work in parallel', () => {
  it('gives results in the items’ order and never exceeds its width', async () => {
    let running = 0;
    let most = 0;
    const results = await inParallel(
      [5, 1, 4, 2, 3],
      async (ms) => {
        most = Math.max(most, ++running);
        await wait(ms);
        running -= 1;
        return ms * 10;
      },
      { width: 2 },
    );
    expect(results).to.deep.equal([50, 10, 40, 20, 30]);
    expect(most).to.equal(2);
  });

  it('starts nothing more after a failure, and waits for what is under way', async () => {
    const ended: number[] = [];
    const error = await failing(
      inParallel(
        [1, 2, 3, 4, 5, 6],
        async (item) => {
          if (item === 2) throw new Error('two');
          await wait(5);
          ended.push(item);
        },
        { width: 2 },
      ),
    );
    expect(error.message).to.equal('two');
    expect(ended).to.deep.equal([1]);
  });

  it('ends with the signal’s reason', async () => {
    const stop = new AbortController();
    const work = inParallel([1, 2, 3], async () => stop.abort(new Error('enough')), {
      width: 1,
      signal: stop.signal,
    });
    expect((await failing(work)).message).to.equal('enough');
  });
});

describe('A budget', () => {
  it('lets as much run at once as fits, first come, first served', async () => {
    const budget = createBudget(10);
    let used = 0;
    let most = 0;
    const order: number[] = [];
    const weights = [6, 4, 7, 3, 100, 1];
    await Promise.all(
      weights.map((weight) =>
        budget(weight, async () => {
          used += Math.min(weight, 10);
          most = Math.max(most, used);
          order.push(weight);
          await wait(1);
          used -= Math.min(weight, 10);
        }),
      ),
    );
    expect(most).to.equal(10);
    expect(order).to.deep.equal(weights);
  });

  it('gets back what failed work had', async () => {
    const budget = createBudget(1);
    await failing(budget(1, () => Promise.reject(new Error('no'))));
    expect(await budget(1, () => Promise.resolve('yes'))).to.equal('yes');
  });
});

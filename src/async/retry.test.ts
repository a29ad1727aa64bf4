import { expect } from 'chai';
import { retry } from './retry.ts';

/** Work that fails so often, and then answers with the number of its call. */
function failing(times: number): () => Promise<number> {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls <= times) throw new Error(`failure ${calls}`);
    return calls;
  };
}

describe('retry', () => {
  it('tries again after the pause that the failure asks for', async () => {
    const slept: number[] = [];
    const answer = await retry(failing(2), {
      pauseMs: (_, failures) => failures * 10,
      sleep: async (ms) => void slept.push(ms),
    });
    expect([answer, slept]).to.deep.equal([3, [10, 20]]);
  });

  it('throws the failure that is worth no further try', async () => {
    const pauseMs = (_: unknown, failures: number): number | undefined => (failures < 3 ? 0 : undefined);
    const error = await retry(failing(5), { pauseMs }).catch((reason: Error) => reason);
    expect(error).to.have.property('message', 'failure 3');
  });

  it('ends a pause when its signal fires, with the reason of that', async () => {
    const stop = new AbortController();
    const work = retry(failing(5), { pauseMs: () => 60_000, signal: stop.signal });
    stop.abort(new Error('enough'));
    expect(await work.catch((reason: Error) => reason)).to.have.property('message', 'enough');
  });
});

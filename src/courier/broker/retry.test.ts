import { expect } from 'chai';
import { HttpFailure } from './http.ts';
import { expiredFewTimes, patiently } from './retry.ts';

const quick = { totalMs: 60_000, note: () => {}, random: () => -0.5 };
/** Fails with each error in turn, then gives `done`. */
const failing =
  (...errors: Error[]) =>
  async (): Promise<string> => {
    const error = errors.shift();
    if (error) throw error;
    return 'done';
  };
const outcomeOf = (result: Promise<string>): Promise<string> => result.catch((error: Error) => error.message);

describe('patiently', () => {
  it('waits out what passes', async () => {
    const call = failing(new Error('ECONNREFUSED'), new HttpFailure(503, 'no'), new HttpFailure(429, 'slow'));
    expect(await outcomeOf(patiently('call', call, quick))).to.equal('done');
  });

  it('throws what does not pass at once', async () => {
    expect(await outcomeOf(patiently('call', failing(new HttpFailure(404, 'none')), quick))).to.equal('none');
  });

  it('throws the last failure when patience is over, or when it is told to stop', async () => {
    const call = () => Promise.reject(new Error('down'));
    expect(await outcomeOf(patiently('call', call, { ...quick, totalMs: -1 }))).to.equal('down');
    const stop = new AbortController();
    const result = patiently('call', call, { ...quick, random: () => 10, stop: stop.signal });
    stop.abort();
    expect(await outcomeOf(result)).to.equal('down');
  });

  it('takes a refused URL for an expired one three times', async () => {
    const refusals = (count: number) =>
      failing(...Array.from({ length: count }, () => new HttpFailure(403, 'expired')));
    const patience = () => ({ ...quick, mayPass: expiredFewTimes() });
    expect(await outcomeOf(patiently('call', refusals(3), patience()))).to.equal('done');
    expect(await outcomeOf(patiently('call', refusals(4), patience()))).to.equal('expired');
  });
});

import { expect } from 'chai';
import { after, stampOf, T0 } from '../../test/support/builders/objects.ts';
import { jittered, nextAttemptAt, pauseUntil } from './attempts.ts';

const ended = { completionTime: stampOf(T0) };

describe('the pause between two attempts', () => {
  it('is none before the first attempt', () => {
    expect(nextAttemptAt([], 1000)).to.equal(0);
    expect(pauseUntil(0, T0)).to.equal(undefined);
  });

  it('doubles with every failure', () => {
    const at = (failures: number) =>
      nextAttemptAt(
        Array.from({ length: failures }, () => ended),
        1000,
      ) - T0.getTime();
    expect([1, 2, 3].map(at)).to.deep.equal([1000, 2000, 4000]);
  });

  it('is told in whole seconds, and ends to the millisecond', () => {
    expect(pauseUntil(after(10).getTime() - 400, T0)).to.deep.equal({
      kind: 'wait',
      reason: 'Retrying',
      message: 'next attempt in 10 s',
      againMs: 9600,
    });
    expect(pauseUntil(T0.getTime(), T0)).to.equal(undefined);
  });

  it('is spread over its second half, the same for the same seed', () => {
    const spread = Array.from({ length: 100 }, (_, seed) => jittered(1000, String(seed)));
    expect(Math.min(...spread)).to.be.within(500, 550);
    expect(Math.max(...spread)).to.be.within(950, 1000);
    expect(jittered(1000, 'a')).to.equal(jittered(1000, 'a'));
  });
});

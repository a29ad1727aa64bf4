import { expect } from 'chai';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { longTimer, sleep, systemClock } from './clock.ts';

const DAY = 24 * 3600 * 1000;

describe('clock', () => {
  it('waits longer than the 24.8 days after which Node fires at once (fault 41)', async () => {
    const clock = new ManualClock();
    const pieces: number[] = [];
    const after = longTimer((run, ms) => {
      pieces.push(ms);
      return clock.after(ms, run);
    });
    let fired = false;
    after(60 * DAY, () => (fired = true));
    await clock.advance(60 * DAY - 1);
    expect(fired).to.equal(false);
    await clock.advance(1);
    expect(fired).to.equal(true);
    expect(pieces).to.have.length(3);
    expect(Math.max(...pieces)).to.be.below(2 ** 31);
  });

  it('cancels a long timer in any of its pieces', async () => {
    const clock = new ManualClock();
    let fired = false;
    const cancel = longTimer((run, ms) => clock.after(ms, run))(60 * DAY, () => (fired = true));
    await clock.advance(30 * DAY);
    cancel();
    await clock.advance(60 * DAY);
    expect(fired).to.equal(false);
  });

  it('does not fire a 30-day timer of the real clock early', async () => {
    let fired = false;
    const cancel = systemClock.after(30 * DAY, () => (fired = true));
    await sleep(systemClock, 20);
    cancel();
    expect(fired).to.equal(false);
  });

  it('wakes a sleeper when its signal fires, and lets nobody sleep after that', async () => {
    const [clock, stop] = [new ManualClock(), new AbortController()];
    const events: string[] = [];
    const asleep = sleep(clock, 1e9, stop.signal).then(() => events.push('awake'));
    await clock.advance(1e9 - 1);
    events.push('the signal fires');
    stop.abort();
    await asleep;
    await sleep(clock, 1e9, stop.signal);
    expect(events).to.deep.equal(['the signal fires', 'awake']);
    expect(clock.monotonic()).to.equal(1e9 - 1);
  });
});

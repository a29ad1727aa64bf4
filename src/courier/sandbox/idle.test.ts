import { expect } from 'chai';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { Idle } from './idle.ts';

const MINUTE = 60_000;

class World {
  readonly clock = new ManualClock();
  readonly ended: number[] = [];
  busy = false;
  asked = 0;
  limit: (() => Promise<number | undefined>) | number | undefined;
  readonly idle: Idle;

  constructor(limit: number | undefined) {
    this.limit = limit;
    this.idle = new Idle(
      {
        clock: this.clock,
        isBusy: () => this.busy,
        limit: async () => {
          this.asked += 1;
          return typeof this.limit === 'function' ? await this.limit() : this.limit;
        },
        onIdle: (since) => this.ended.push(since - this.clock.now()),
      },
      limit,
    );
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }
}

describe('a Sandbox without activity', () => {
  it('ends when its limit is over, and says since when it was idle', async () => {
    const world = new World(60);
    await world.pass(59_000);
    expect(world.ended).to.deep.equal([]);
    await world.pass(1000);
    expect(world.ended).to.deep.equal([-60_000]);
    await world.pass(10 * MINUTE);
    expect(world.ended).to.have.length(1);
  });

  it('goes on as long as a program’s bytes come or go', async () => {
    const world = new World(60);
    for (let minute = 0; minute < 30; minute += 1) {
      await world.pass(50_000);
      world.idle.touch();
    }
    expect(world.ended).to.deep.equal([]);
    await world.pass(60_000);
    expect(world.ended).to.deep.equal([-60_000]);
  });

  it('is not idle while a command runs, whatever that says', async () => {
    const world = new World(60);
    world.busy = true;
    await world.pass(30 * MINUTE);
    expect(world.ended).to.deep.equal([]);
    world.busy = false;
    await world.pass(2 * MINUTE);
    expect(world.ended).to.have.length(1);
  });

  it('asks for its limit before it ends, which may have become longer', async () => {
    const world = new World(60);
    world.limit = 120;
    await world.pass(119_000);
    expect(world.ended).to.deep.equal([]);
    await world.pass(1000);
    expect(world.ended).to.deep.equal([-120_000]);
  });

  it('learns of a limit that comes later, and of a shorter one', async () => {
    const world = new World(undefined);
    await world.pass(6 * MINUTE);
    world.limit = 60;
    await world.pass(5 * MINUTE);
    expect(world.ended).to.have.length(1);
  });

  it('does not end while nobody can be asked', async () => {
    const world = new World(60);
    world.limit = () => Promise.reject(new Error('no broker'));
    await world.pass(10 * MINUTE);
    expect(world.ended).to.deep.equal([]);
    world.limit = 60;
    await world.pass(31_000);
    expect(world.ended).to.have.length(1);
  });

  it('asks nothing after it was closed', async () => {
    const world = new World(60);
    world.idle.close();
    await world.pass(10 * MINUTE);
    expect([world.asked, world.ended]).to.deep.equal([0, []]);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { BACKLOG, LIVE, Queue } from './queue.ts';

async function drain(queue: Queue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.depth > 0) {
    const key = await queue.take();
    if (key === undefined) break;
    keys.push(key);
    queue.done(key);
  }
  return keys;
}

const name = fc.constantFrom('a', 'b', 'c', 'd');
const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), key: name, priority: fc.constantFrom(LIVE, BACKLOG) }),
  fc.record({ do: fc.constant('add' as const), key: name, afterMs: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ do: fc.constant('retry' as const), key: name }),
  fc.record({ do: fc.constant('take' as const) }),
  fc.record({ do: fc.constant('done' as const) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 30 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** A queue beside what it owes: keys added and not yet handed out. */
class QueueModel {
  readonly #clock = new ManualClock();
  readonly #queue = new Queue({ clock: this.#clock });
  readonly #owed = new Set<string>();
  readonly #working: string[] = [];

  async step(at: Step): Promise<void> {
    if ('key' in at) this.#owed.add(at.key);
    switch (at.do) {
      case 'add':
        this.#queue.add(at.key, at);
        break;
      case 'retry':
        this.#queue.retry(at.key);
        break;
      case 'take':
        if (this.#queue.depth > 0) this.#take(await this.#queue.take());
        break;
      case 'done':
        this.#queue.done(this.#working.shift() ?? '');
        break;
      default:
        await this.#clock.advance(at.ms);
    }
  }

  /** Works off everything; the keys that were lost. */
  async finish(): Promise<string[]> {
    for (const key of this.#working.splice(0)) this.#queue.done(key);
    await this.#clock.advance(2_000_000);
    for (const key of await drain(this.#queue)) this.#owed.delete(key);
    return [...this.#owed];
  }

  #take(key = ''): void {
    expect(this.#working).not.to.include(key);
    expect([...this.#owed]).to.include(key);
    this.#owed.delete(key);
    this.#working.push(key);
  }
}

describe('queue', () => {
  let clock: ManualClock;
  let queue: Queue;
  beforeEach(() => {
    clock = new ManualClock();
    queue = new Queue({ clock });
  });

  it('holds a key once, however often it is added', async () => {
    for (let i = 0; i < 3; i++) queue.add('a');
    expect(await drain(queue)).to.deep.equal(['a']);
  });

  it('parks a key that is being worked on and hands it out again after done', async () => {
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    expect(queue.depth).to.equal(0);
    queue.done('a');
    expect(await drain(queue)).to.deep.equal(['a']);
  });

  it('hands out what happened now before what was there at the start', async () => {
    queue.add('old-1', { priority: BACKLOG });
    queue.add('old-2', { priority: BACKLOG });
    queue.add('new', { priority: LIVE });
    expect(await drain(queue)).to.deep.equal(['new', 'old-1', 'old-2']);
  });

  it('keeps the higher priority of a key added twice', async () => {
    queue.add('a', { priority: BACKLOG });
    queue.add('b', { priority: BACKLOG });
    queue.add('b', { priority: LIVE });
    queue.add('b', { priority: BACKLOG });
    expect(await drain(queue)).to.deep.equal(['b', 'a']);
  });

  it('waits for a delayed key, keeping the shortest of two delays', async () => {
    queue.add('a', { afterMs: 1000 });
    queue.add('a', { afterMs: 200 });
    queue.add('a', { afterMs: 5000 });
    await clock.advance(199);
    expect(queue.depth).to.equal(0);
    await clock.advance(1);
    expect(await drain(queue)).to.deep.equal(['a']);
    await clock.advance(10_000);
    expect(queue.depth).to.equal(0);
  });

  it('lets an event overtake a delay', async () => {
    queue.add('a', { afterMs: 1000 });
    queue.add('a');
    expect(await drain(queue)).to.deep.equal(['a']);
    await clock.advance(2000);
    expect(queue.depth).to.equal(0);
  });

  it('keeps the priority of a delayed key', async () => {
    queue.add('late', { afterMs: 10, priority: BACKLOG });
    await clock.advance(10);
    queue.add('now');
    expect(await drain(queue)).to.deep.equal(['now', 'late']);
  });

  it('gives a taker that waits the next key', async () => {
    const taken = queue.take();
    queue.add('a');
    expect(await taken).to.equal('a');
  });

  it('delays failures from 5 ms, doubled, up to 1000 s, each key by its own count', async () => {
    const waits: number[] = [];
    for (let failure = 0; failure < 20; failure++) {
      const before = clock.monotonic();
      queue.retry('a');
      while (queue.depth === 0) await clock.advance(failure < 8 ? 5 : 1000);
      waits.push(clock.monotonic() - before);
      await drain(queue);
    }
    expect(waits.slice(0, 4)).to.deep.equal([5, 10, 20, 40]);
    expect(waits.at(-1)).to.equal(1_000_000);
    queue.retry('b');
    await clock.advance(5);
    expect(await drain(queue)).to.deep.equal(['b']);
  });

  it('counts failures anew after forget', async () => {
    queue.retry('a');
    await clock.advance(5);
    await drain(queue);
    queue.forget('a');
    queue.retry('a');
    await clock.advance(5);
    expect(queue.depth).to.equal(1);
  });

  it('sends takers home when it closes and takes in nothing more', async () => {
    const taken = queue.take();
    queue.add('soon', { afterMs: 1 });
    queue.close();
    expect(await taken).to.equal(undefined);
    queue.add('late');
    await clock.advance(10);
    expect(await queue.take()).to.equal(undefined);
    expect(queue.depth).to.equal(0);
  });

  it('never loses a key, never hands one out twice at once, whatever the order of calls', async () => {
    const model = async (steps: Step[]): Promise<void> => {
      const run = new QueueModel();
      for (const at of steps) await run.step(at);
      expect(await run.finish()).to.deep.equal([]);
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), model), { numRuns: 60 });
  });
});

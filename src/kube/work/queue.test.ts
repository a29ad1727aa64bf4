import { expect } from 'chai';
import fc from 'fast-check';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { BACKLOG, LIVE, Queue, SOONER, SUSPECT } from './queue.ts';

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

const name = fc.constantFrom('a', 'b', 'x/c', 'x/d', 'y/c', 'y/d', 'z/c');
const step = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    key: name,
    priority: fc.constantFrom(SOONER, LIVE, BACKLOG, SUSPECT),
  }),
  fc.record({ do: fc.constant('add' as const), key: name, afterMs: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ do: fc.constant('retry' as const), key: name }),
  fc.record({ do: fc.constant('take' as const) }),
  fc.record({ do: fc.constant('put back' as const), afterMs: fc.integer({ min: 1, max: 50 }) }),
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
      case 'put back':
        this.#putBack(at.afterMs);
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

  #putBack(afterMs: number): void {
    const [key] = this.#working;
    if (key === undefined) return;
    this.#owed.add(key);
    this.#queue.putBack(key, afterMs);
  }

  #take(key = ''): void {
    expect(this.#working).not.to.include(key);
    expect([...this.#owed]).to.include(key);
    this.#owed.delete(key);
    this.#working.push(key);
  }
}

const ofNamespace = (namespace: string, keys: number): string[] =>
  Array.from({ length: keys }, (_, index) => `${namespace}/${index}`);

const spaceOf = (key: string): string => key.replace(/\/.*/, '');

/** Namespaces that have something in a queue, each with the turns that others have had since its own. */
class Turns {
  readonly #since = new Map<string, string[]>();

  came(key: string): void {
    if (!this.#since.has(spaceOf(key))) this.#since.set(spaceOf(key), []);
  }

  /** `left`: what the queue holds now. */
  went(key: string, left: ReadonlySet<string>): void {
    for (const [namespace, others] of this.#since)
      if (namespace !== spaceOf(key)) {
        expect(others, `turns that were taken while ${namespace} waited`).not.to.include(spaceOf(key));
        others.push(spaceOf(key));
      }
    this.#since.delete(spaceOf(key));
    if ([...left].some((one) => spaceOf(one) === spaceOf(key))) this.came(key);
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

  it('serves namespaces in turn, however many keys one of them has', async () => {
    for (const key of [...ofNamespace('many', 10_000), 'one/0', ...ofNamespace('few', 2)]) queue.add(key);
    const order = await drain(queue);
    expect(order.slice(0, 6)).to.deep.equal(['many/0', 'one/0', 'few/0', 'many/1', 'few/1', 'many/2']);
    expect(order.filter((key) => key.startsWith('many/'))).to.deep.equal(ofNamespace('many', 10_000));
  });

  it('gives a namespace that comes late its turn after one key of each other', async () => {
    for (const key of [...ofNamespace('a', 100), ...ofNamespace('b', 100)]) queue.add(key);
    for (let taken = 0; taken < 50; taken++) queue.done((await queue.take()) ?? '');
    queue.add('late/0');
    const order = await drain(queue);
    expect(order.indexOf('late/0')).to.equal(2);
  });

  it('leaves a namespace its turn when its only key becomes more urgent', async () => {
    for (const key of ofNamespace('b', 2)) queue.add(key);
    queue.add('a/0', { priority: BACKLOG });
    queue.done((await queue.take()) ?? '');
    queue.add('a/0');
    expect(await drain(queue)).to.deep.equal(['a/0', 'b/1']);
  });

  it('does not let news of one namespace starve what another had at the start', async () => {
    for (const key of ofNamespace('busy', 100)) queue.add(key);
    queue.add('quiet/old', { priority: BACKLOG });
    const order = await drain(queue);
    expect(order.indexOf('quiet/old')).to.equal(1);
  });

  it('finishes before it begins, within a namespace', async () => {
    for (const key of ofNamespace('a', 3)) queue.add(key);
    queue.add('b/0');
    queue.add('a/2', { priority: LIVE + SOONER });
    expect(await drain(queue)).to.deep.equal(['a/2', 'b/0', 'a/0', 'a/1']);
  });

  it('comes to a suspect after all others, whatever its namespace', async () => {
    queue.add('alone/poison', { priority: SUSPECT });
    for (const key of ofNamespace('a', 100)) queue.add(key, { priority: BACKLOG });
    expect((await drain(queue)).at(-1)).to.equal('alone/poison');
  });

  it('puts a key back with the priority that it had', async () => {
    queue.add('ended', { priority: LIVE + SOONER });
    const key = (await queue.take()) ?? '';
    queue.putBack(key, 50);
    queue.done(key);
    queue.add('new');
    await clock.advance(50);
    expect(await drain(queue)).to.deep.equal(['ended', 'new']);
  });

  it('tells how many keys of each priority are ready', async () => {
    const depths = new Map<number, number>();
    queue = new Queue({
      clock,
      metrics: {
        added: () => undefined,
        retried: () => undefined,
        waited: () => undefined,
        depth: (priority, keys) => depths.set(priority, keys),
      },
    });
    for (const key of ofNamespace('a', 3)) queue.add(key, { priority: BACKLOG });
    for (const key of ofNamespace('b', 2)) queue.add(key);
    queue.add('a/0');
    await queue.take();
    expect([...depths]).to.have.deep.members([
      [BACKLOG, 2],
      [LIVE, 2],
    ]);
    queue.close();
    expect([...depths.values()]).to.deep.equal([0, 0]);
  });

  it('lets no namespace have two turns while another waits for its next, whatever comes and goes', async () => {
    const key = fc
      .tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(2))
      .map(([space, at]) => `${space}/${at}`);
    const priority = fc.constantFrom(LIVE + SOONER, LIVE, BACKLOG);
    const steps = fc.array(fc.oneof(fc.constant('take' as const), fc.record({ key, priority })), {
      maxLength: 80,
    });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const run = new Queue({ clock });
        const held = new Set<string>();
        const turns = new Turns();
        for (const at of all) {
          if (at !== 'take') {
            run.add(at.key, at);
            held.add(at.key);
            turns.came(at.key);
          } else if (run.depth > 0) {
            const taken = (await run.take()) ?? '';
            run.done(taken);
            held.delete(taken);
            turns.went(taken, held);
          }
        }
        expect(run.depth).to.equal(held.size);
      }),
      { numRuns: 1000 },
    );
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

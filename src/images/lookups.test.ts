import { expect } from 'chai';
import { load } from 'js-yaml';
import { readFileSync } from 'node:fs';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { Lookups } from './lookups.ts';
import type { ImageSeen } from './image.ts';

const found: ImageSeen = { kind: 'failed', reason: 'ImageNotFound', message: 'of the registry' };
const never = (): Promise<ImageSeen> => new Promise(() => undefined);

describe('Lookups of images', () => {
  it('do not keep their workers for a registry that never answers', async () => {
    const clock = new ManualClock();
    const lookups = new Lookups(clock);
    const seen = Promise.all(['a', 'b'].map((host) => lookups.answer('mallory', `${host}/x`, never)));
    await clock.advance(2000);
    expect((await seen).map(({ kind }) => kind)).to.deep.equal(['unavailable', 'unavailable']);
    // The next pass waits for nothing.
    expect(await lookups.answer('mallory', 'a/x', never)).to.deep.equal({
      kind: 'unavailable',
      message: 'the registry of a/x has not answered yet',
    });
  });

  it('are refused at once to a namespace that has many unanswered, and to no other', async () => {
    const clock = new ManualClock();
    const lookups = new Lookups(clock);
    const slow = Array.from({ length: 8 }, (_, host) => lookups.answer('mallory', `${host}/x`, never));
    await clock.advance(2000);
    await Promise.all(slow);
    let asked = 0;
    const look = async (): Promise<ImageSeen> => {
      asked += 1;
      return found;
    };
    expect(await lookups.answer('mallory', 'another/x', look)).to.include({ kind: 'unavailable' });
    expect(asked).to.equal(0);
    expect(await lookups.answer('team-a', 'another/x', look)).to.equal(found);
  });

  it('give a late answer to the next pass, once', async () => {
    const clock = new ManualClock();
    const lookups = new Lookups(clock);
    const { promise, resolve } = Promise.withResolvers<ImageSeen>();
    const first = lookups.answer('team-a', 'slow/x', () => promise);
    await clock.advance(2000);
    await first;
    resolve(found);
    await promise;
    expect(await lookups.answer('team-a', 'slow/x', never)).to.equal(found);
    let asked = 0;
    await lookups.answer('team-a', 'slow/x', async () => {
      asked += 1;
      return found;
    });
    expect(asked).to.equal(1);
  });

  it('are forgotten where they fail', async () => {
    const lookups = new Lookups(new ManualClock());
    const broken = lookups.answer('team-a', 'x', () => Promise.reject(new Error('a bug')));
    expect(await broken.catch((error: Error) => error.message)).to.equal('a bug');
    expect(await lookups.answer('team-a', 'x', async () => found)).to.equal(found);
  });

  it('leave threads to look up other names with, however many Trials name hosts whose name servers never answer', () => {
    const statefulSet = load(readFileSync('config/default/stateful-set.yaml', 'utf8')) as {
      spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
    };
    const env = statefulSet.spec.template.spec.containers.flatMap((container) => container.env);
    const threads = Number(env.find(({ name }) => name === 'UV_THREADPOOL_SIZE')?.value ?? 4);
    // libuv gives names half of its threads, and each of 32 workers may wait for one.
    expect(threads / 2).to.be.above(32 + 8);
  });
});

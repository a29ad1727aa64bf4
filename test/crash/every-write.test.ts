import { expect } from 'chai';
import { setTimeout as wait } from 'node:timers/promises';
import { conditionOf } from '../../src/crds/conditions.ts';
import { Job as JobKind } from '../../src/kube/kinds.ts';
import { until } from '../support/kube.ts';
import type { Death } from '../support/mortal.ts';
import { breaches } from './invariants.ts';
import { scripts, type Script } from './scripts.ts';
import { THOROUGH } from './thorough.ts';
import { World } from './world.ts';

/** An operator that dies before an effect leaves the world as one that dies after the previous effect: `codebuild.test.ts` and the random kills have deaths of all three kinds. */
const WHENS: readonly Death['when'][] = THOROUGH ? ['before', 'after', 'late'] : ['after', 'late'];

/** Plays what happens outside, until `signal` fires. */
async function playOutside(world: World, acts: Script['meanwhile'], signal: AbortSignal): Promise<void> {
  const left = [...(acts ?? [])];
  while (left.length > 0 && !signal.aborted) {
    if (await left[0]?.(world)) left.shift();
    else await wait(1);
  }
}

/** Runs a script, killing the first operator where `death` says; resolves to the number of effects the first one had. */
async function play(script: Script, death?: Death): Promise<{ effects: number; breaches: string[] }> {
  const world = await World.start(script);
  const done = new AbortController();
  try {
    for (const [name, spec] of Object.entries(script.trials ?? { hello: {} })) world.apply(name, spec);
    const outside = playOutside(world, script.meanwhile, done.signal);
    const life = await world.startOperator(death);
    await (death ? world.restAfter(life) : world.rest());
    done.abort();
    await outside;
    const found = [...(await breaches(world)), ...otherEnds(world, script), ...(script.wrong?.(world) ?? [])];
    return { effects: life.effects, breaches: found };
  } finally {
    await world.close();
  }
}

function otherEnds({ trials }: World, { ends = ['RewardObtained'], attempts = 1 }: Script): string[] {
  const wrong = trials.filter((trial) => {
    const reason = conditionOf(trial, 'Succeeded')?.reason;
    return !ends.some((end) => end === reason) || (trial.status?.attempts ?? []).length > attempts;
  });
  return wrong.map(({ metadata, status }) => `${metadata.name} did not end so: ${JSON.stringify(status)}`);
}

describe('an operator that is killed at any write', function () {
  this.timeout(10 * 60_000);

  for (const script of scripts) {
    it(`changes nothing: ${script.name}`, async () => {
      const undisturbed = await play(script);
      expect(undisturbed.breaches, 'undisturbed').to.deep.equal([]);
      for (let atEffect = 1; atEffect <= undisturbed.effects; atEffect++) {
        const deaths = WHENS.map((when) => ({ atEffect, when }));
        const found = await Promise.all(deaths.map((death) => play(script, death)));
        for (const [index, { breaches: broken }] of found.entries())
          expect(broken, `killed ${deaths[index]?.when} effect ${atEffect}`).to.deep.equal([]);
      }
    });
  }

  it('recovers the result of a Job that was removed while nobody watched', async () => {
    const world = await World.start();
    try {
      // Before the operator has read that the Job is made.
      world.server.collection(JobKind).watchers.add(({ type }) => type === 'ADDED' && world.kill());
      world.apply('hello');
      await world.startOperator();
      await until('the Job has ended', () => world.kubelet.ended > 0);
      world.kubelet.expireJobs();
      await until('the Job is gone', () => world.kubelet.jobs === 0);
      await world.startOperator();
      await world.rest();
      expect(await breaches(world)).to.deep.equal([]);
      expect(world.trial('hello')?.status?.attempts).to.have.length(1);
    } finally {
      await world.close();
    }
  });
});

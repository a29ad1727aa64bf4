import { expect } from 'chai';
import { artifactRecord } from '../record/artifacts.ts';
import { scrubber } from '../record/scrub.ts';
import { trajectoryRecord } from '../record/trajectory.ts';
import { findings } from '../record/findings.ts';
import { timeline } from '../record/timeline.ts';
import type { Hand } from '../hand/hand.ts';
import type { Step } from '../task/sequence.ts';
import { runSteps, together as togetherOf } from './sequence.ts';
import type { Ending } from './sequence.ts';

const together = (steps: Ending[], rewardStrategy: 'Mean' | 'Final' = 'Mean', total = steps.length): Ending =>
  togetherOf(steps, { rewardStrategy, total });

const rewarded = (rewards: Record<string, number>): Ending => ({
  result: { kind: 'rewarded', reward: rewards['reward'] ?? 0, rewards },
});

describe('what steps come to', () => {
  it('is what the only one came to', () => {
    const only = rewarded({ a: 1 });
    expect(together([only])).to.equal(only);
  });

  it('is the mean of each reward, 0 where a step has it not', () => {
    expect(together([rewarded({ reward: 1, speed: 4 }), rewarded({ reward: 0 })]).result).to.deep.equal({
      kind: 'rewarded',
      reward: 0.5,
      rewards: { reward: 0.5, speed: 2 },
    });
  });

  it('leaves out of the mean what nobody judged', () => {
    expect(together([rewarded({ reward: 1 }), { result: { kind: 'unverified' } }]).result).to.include({
      reward: 1,
    });
    expect(
      together([{ result: { kind: 'unverified' } }, { result: { kind: 'unverified' } }]).result,
    ).to.deep.equal({ kind: 'unverified' });
  });

  it('is the failure of the last, the first exception, and the sum of what was used', () => {
    const failed = { kind: 'failed' as const, reason: 'CourierFailed' as const, message: 'none' };
    const exception = (message: string) => ({ type: 'E', message, phase: 'verifier' as const });
    expect(
      together([
        { ...rewarded({ reward: 1 }), exception: exception('one'), usage: { inputTokens: 1, costUsd: 0.5 } },
        { result: failed, exception: exception('two'), usage: { inputTokens: 2 } },
      ]),
    ).to.deep.equal({ result: failed, exception: exception('one'), usage: { inputTokens: 3, costUsd: 0.5 } });
  });

  it('leaves the rewards of others what they are where a step failed by itself, as Harbor does', () => {
    const failed = { kind: 'failed' as const, reason: 'RewardMissing' as const, message: 'none' };
    const steps = [rewarded({ reward: 1 }), { result: failed }];
    expect(together(steps, 'Mean', 3).result).to.deep.equal({
      kind: 'rewarded',
      reward: 1,
      rewards: { reward: 1 },
    });
    expect(together(steps, 'Final', 3).result).to.deep.equal(failed);
    const none = [{ result: { kind: 'unverified' as const } }, { result: failed }];
    expect(together(none).result).to.deep.equal(failed);
  });

  it('is that of the last that ran, where the strategy says so', () => {
    const steps = [rewarded({ reward: 1 }), rewarded({ reward: 0.25, speed: 2 })];
    expect(together(steps, 'Final', 3).result).to.deep.equal(steps[1]?.result);
  });

  it('counts 0 for what does not run because an agent obstructed it', () => {
    const obstructed: Ending = {
      result: { kind: 'rewarded', reward: 0, rewards: { reward: 0 }, obstructed: 'gone' },
    };
    expect(together([rewarded({ reward: 1 }), obstructed], 'Mean', 4).result).to.deep.equal({
      kind: 'rewarded',
      reward: 0.25,
      rewards: { reward: 0.25 },
      obstructed: 'gone',
    });
  });

  it('is a failure where the mean is not finite', () => {
    const huge = rewarded({ reward: Number.MAX_VALUE });
    expect(together([huge, huge]).result).to.include({ kind: 'failed', reason: 'RewardNotFinite' });
  });
});

describe('the steps of a task', () => {
  const command = { argv: ['/x'], user: '0', workdir: '/', env: {} };
  const aStep = (name?: string): Step => ({
    ...(name !== undefined && { name }),
    agent: { exitCodeTells: true, command: { ...command, argv: [name ?? '/x'] } },
    hooks: [],
    stopBackground: false,
    artifacts: [],
    artifactsUser: '0',
  });

  const run = async (steps: Step[], failing?: string) => {
    const agents: string[] = [];
    let seconds = 0;
    const hand = {
      check: async () => ({ uid: 0, gid: 0 }),
      run: async ({ argv: [name = ''] }: typeof command) => {
        agents.push(name);
        if (name === failing) throw new Error('broken');
        return { kind: 'exited', code: 0, timedOut: false, oomKills: 0 };
      },
      halt: async () => agents.push('halted') > 0,
      empty: async (folders: string[]) => agents.push(`emptied ${folders.join(' ')}`) > 0,
      resume: async () => agents.push('resumed') > 0,
      isGone: () => false,
      toldToStop: () => false,
    };
    const ending = await runSteps(
      { surroundings: {}, steps, rewardStrategy: 'Mean' },
      {
        hand: hand as unknown as Hand,
        findings: findings(),
        artifacts: artifactRecord(),
        trajectory: trajectoryRecord(),
        scrub: scrubber([]),
        timeline: timeline(
          () => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds++)),
          () => {},
        ),
        note: () => {},
        stop: new AbortController().signal,
        paths: { control: '/none', logs: '/none' },
        network: { during: (_of, work) => work() },
        apart: new Map(),
        keep: async (name) => void agents.push(`kept ${name}`),
        endingOf: () => ({ result: { kind: 'failed', reason: 'CourierFailed', message: 'broken' } }),
      },
    );
    return { agents, ending };
  };

  it('run in their order, each with times of its own', async () => {
    const { agents, ending } = await run([aStep('one'), aStep('two')]);
    expect(agents).to.deep.equal(['one', 'halted', 'kept one', 'emptied /tests /logs', 'resumed', 'two']);
    expect(ending.steps?.ran).to.equal(2);
    expect(ending.steps).to.not.have.any.keys('skipped', 'stopped');
    const [one, two] = ending.steps?.listed ?? [];
    expect(one).to.deep.include({ name: 'one', result: { kind: 'unverified' } });
    expect(Date.parse(two?.timings.agentExecution?.startTime ?? '')).to.be.greaterThan(
      Date.parse(one?.timings.agentExecution?.completionTime ?? ''),
    );
  });

  it('end with the first that failed', async () => {
    const { agents, ending } = await run([aStep('one'), aStep('two'), aStep('three')], 'two');
    expect(agents.filter((name) => /^\w+$/.test(name))).to.deep.equal(['one', 'halted', 'resumed', 'two']);
    expect(ending.result).to.include({ reason: 'CourierFailed' });
    expect(ending.steps).to.deep.include({
      skipped: ['three'],
      stopped: 'step two failed with CourierFailed',
    });
    expect(ending.steps?.listed.map(({ name, result }) => [name, result.kind])).to.deep.equal([
      ['one', 'unverified'],
      ['two', 'failed'],
    ]);
  });

  it('are not listed where the task has none', async () => {
    expect((await run([aStep()])).ending).to.not.have.property('steps');
  });
});

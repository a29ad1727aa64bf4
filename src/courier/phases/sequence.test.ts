import { expect } from 'chai';
import { artifactRecord } from '../record/artifacts.ts';
import { findings } from '../record/findings.ts';
import { timeline } from '../record/timeline.ts';
import type { Hand } from '../hand/hand.ts';
import type { ReadyTask } from '../task/ready-task.ts';
import type { Step } from '../task/steps.ts';
import { runSteps, together } from './sequence.ts';
import type { Ending } from './sequence.ts';

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
    const failed = { kind: 'failed' as const, reason: 'RewardMissing' as const, message: 'none' };
    const exception = (message: string) => ({ type: 'E', message, phase: 'verifier' as const });
    expect(
      together([
        { ...rewarded({ reward: 1 }), exception: exception('one'), usage: { inputTokens: 1, costUsd: 0.5 } },
        { result: failed, exception: exception('two'), usage: { inputTokens: 2 } },
      ]),
    ).to.deep.equal({ result: failed, exception: exception('one'), usage: { inputTokens: 3, costUsd: 0.5 } });
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
    agent: { solves: false, exitCodeTells: true, command: { ...command, argv: [name ?? '/x'] } },
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
      isGone: () => false,
      toldToStop: () => false,
    };
    const ending = await runSteps({ surroundings: {}, steps }, {} as ReadyTask, {
      hand: hand as unknown as Hand,
      findings: findings(),
      artifacts: artifactRecord(),
      timeline: timeline(
        () => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds++)),
        () => {},
      ),
      note: () => {},
      stop: new AbortController().signal,
      paths: { control: '/none', logs: '/none' },
      network: { during: (_of, work) => work() },
      endingOf: () => ({ result: { kind: 'failed', reason: 'CourierFailed', message: 'broken' } }),
    });
    return { agents, ending };
  };

  it('run in their order, each with times of its own', async () => {
    const { agents, ending } = await run([aStep('one'), aStep('two')]);
    expect(agents).to.deep.equal(['one', 'two']);
    expect(ending.steps?.ran).to.equal(2);
    const [one, two] = ending.steps?.listed ?? [];
    expect(one).to.deep.include({ name: 'one', result: { kind: 'unverified' } });
    expect(Date.parse(two?.timings.agentExecution?.startTime ?? '')).to.be.greaterThan(
      Date.parse(one?.timings.agentExecution?.completionTime ?? ''),
    );
  });

  it('end with the first that failed', async () => {
    const { agents, ending } = await run([aStep('one'), aStep('two'), aStep('three')], 'two');
    expect(agents).to.deep.equal(['one', 'two']);
    expect(ending.result).to.include({ reason: 'CourierFailed' });
    expect(ending.steps?.listed.map(({ name, result }) => [name, result.kind])).to.deep.equal([
      ['one', 'unverified'],
      ['two', 'failed'],
    ]);
  });

  it('are not listed where the task has none', async () => {
    expect((await run([aStep()])).ending).to.not.have.property('steps');
  });
});

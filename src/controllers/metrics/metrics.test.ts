import { expect } from 'chai';
import { Registry } from 'prom-client';
import { aTaskBuild, after, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import { active, broken, rewarded, type TrialInRun } from '../../../test/support/builders/run-trials.ts';
import { aSandbox } from '../../../test/support/builders/sandboxes.ts';
import type { Condition } from '../../crds/conditions.ts';
import { Sandbox as SandboxKind, TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../crds/kinds.ts';
import type { Sandbox, SandboxStatus } from '../../crds/sandbox.ts';
import type { TaskBuild, TaskBuildStatus } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import type { KubeObject } from '../../kube/types.ts';
import { businessMetrics } from './metrics.ts';
import { byOpen } from './standing.ts';

/** One process of the operator: its caches, whether it leads, and what its /metrics say. */
class Process {
  readonly trials = new ObjectCache<Trial>(TrialKind);
  readonly taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);
  readonly sandboxes = new ObjectCache<Sandbox>(SandboxKind);
  leading = true;
  at = 60;
  /** Names of Trials whose end was told, for their traces. */
  readonly told: string[] = [];
  readonly #registry = new Registry();
  #version = 0;

  constructor() {
    this.trials.addIndex('open', byOpen);
    const { trials, taskBuilds, sandboxes } = this;
    const when = { leading: () => this.leading, now: () => after(this.at) };
    const onEnd = ({ metadata }: Trial): void => void this.told.push(metadata.name);
    businessMetrics({ metrics: this.#registry, trials, taskBuilds, sandboxes, onEnd, ...when });
  }

  #next<T extends KubeObject>(object: T): T {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: `${this.#version}` } };
  }

  see(...trials: Trial[]): void {
    for (const trial of trials) this.trials.put(this.#next(trial));
  }

  seeBuilds(...builds: TaskBuild[]): void {
    for (const build of builds) this.taskBuilds.put(this.#next(build));
  }

  seeSandboxes(...sandboxes: Sandbox[]): void {
    for (const sandbox of sandboxes) this.sandboxes.put(this.#next(sandbox));
  }

  /** Lines of these metrics; of histograms sum and count. */
  async lines(...names: string[]): Promise<string[]> {
    return (await this.#registry.metrics())
      .split('\n')
      .filter((line) => names.some((name) => line.startsWith(name)) && !line.includes('_bucket{'));
  }
}

const inNamespace = <T extends KubeObject>(namespace: string, object: T): T => ({
  ...object,
  metadata: { ...object.metadata, namespace },
});

const attempt = (number: number, startSeconds: number, over: object = {}) => ({
  number,
  jobName: `x-${number}`,
  startTime: stampOf(after(startSeconds)),
  ...over,
});
const ended = (seconds: number, reason?: string) => ({
  completionTime: stampOf(after(seconds)),
  ...(reason !== undefined && { reason }),
});

const condition = (type: string, status: Condition['status'], reason: string): Condition => ({
  type,
  status,
  reason,
  message: 'why',
  lastTransitionTime: stampOf(T0),
});

describe('The metrics of Trials', () => {
  let process: Process;
  beforeEach(() => (process = new Process()));

  it('tell how many stand where, and how long the oldest has been there', async () => {
    process.see(
      active('Unschedulable', { name: 'a', status: { attempts: [attempt(1, 20)] } }),
      active('Unschedulable', { name: 'b', createdAt: 30 }),
      inNamespace('evals', active('Running', { name: 'c' })),
      rewarded(1, { name: 'd' }),
    );
    expect(await process.lines('sb_trials{', 'sb_trial_oldest')).to.have.members([
      'sb_trials{namespace="default",state="pending",reason="Unschedulable"} 2',
      'sb_trials{namespace="evals",state="running",reason="Running"} 1',
      'sb_trial_oldest_seconds{namespace="default",state="pending"} 40',
      'sb_trial_oldest_seconds{namespace="evals",state="running"} 60',
    ]);
  });

  it('count a Trial’s age from when its queue admitted it, however long that held it', async () => {
    const held = (name: string, over: object) => ({ name, status: { attempts: [attempt(1, 0, over)] } });
    process.see(
      active('HeldByQueue', held('a', {})),
      active('PullingImage', held('b', { admittedTime: stampOf(after(50)) })),
    );
    expect(await process.lines('sb_trial_oldest')).to.have.members([
      'sb_trial_oldest_seconds{namespace="default",state="held"} 60',
      'sb_trial_oldest_seconds{namespace="default",state="pulling"} 10',
    ]);
  });

  it('forget a state that no Trial is in any more', async () => {
    process.see(active('Pending', { name: 'a' }));
    expect(await process.lines('sb_trials{')).to.have.length(1);
    process.see(rewarded(1, { name: 'a' }));
    expect(await process.lines('sb_trials{', 'sb_trial_oldest')).to.deep.equal([]);
  });

  it('are the leader’s alone: a dashboard that adds up replicas does not count double', async () => {
    process.leading = false;
    process.see(active('Running', { name: 'a' }), active('Running', { name: 'b' }));
    process.see(rewarded(1, { name: 'a' }));
    expect(await process.lines('sb_trials', 'sb_trial_duration', 'sb_trial_oldest')).to.deep.equal([]);
  });

  it('count each end once, by result and reason', async () => {
    process.see(...['a', 'b', 'c'].map((name) => active('Running', { name })));
    process.see(
      rewarded(1, { name: 'a' }),
      broken('NodeLost', { name: 'b' }),
      broken('OOMKilled', { name: 'c' }),
    );
    process.see(rewarded(1, { name: 'a', version: 9 }));
    expect(await process.lines('sb_trials_finished')).to.have.members([
      'sb_trials_finished_total{namespace="default",result="succeeded",reason="RewardObtained"} 1',
      'sb_trials_finished_total{namespace="default",result="infrastructure",reason="NodeLost"} 1',
      'sb_trials_finished_total{namespace="default",result="agent",reason="OOMKilled"} 1',
    ]);
  });

  it('count no Trial that had ended before the process began, nor one that ended under another leader', async () => {
    process.see(rewarded(1, { name: 'before' }), active('Running', { name: 'meanwhile' }));
    process.leading = false;
    process.see(rewarded(1, { name: 'meanwhile' }));
    process.leading = true;
    process.see(rewarded(1, { name: 'before', version: 9 }), rewarded(1, { name: 'meanwhile', version: 9 }));
    expect(await process.lines('sb_trials_finished', 'sb_trial_duration', 'sb_trial_reward')).to.deep.equal(
      [],
    );
  });

  it('count an end once where a list brings the Trial back as it was before', async () => {
    const [before, end] = [active('Running', { name: 'a' }), rewarded(1, { name: 'a' })];
    process.see(before, end, before, end);
    expect(await process.lines('sb_trial_duration')).to.deep.equal([
      'sb_trial_duration_seconds_sum{namespace="default"} 10',
      'sb_trial_duration_seconds_count{namespace="default"} 1',
    ]);
  });

  it('go to whoever traces Trials once each, and from the leader alone', () => {
    const [before, end] = [active('Running', { name: 'a' }), rewarded(1, { name: 'a' })];
    process.see(before, end, before, end, active('Running', { name: 'b' }));
    process.leading = false;
    process.see(rewarded(1, { name: 'b' }));
    expect(process.told).to.deep.equal(['a']);
  });

  it('count two Trials that had the same name one after the other', async () => {
    for (const uid of ['one', 'two'])
      process.see(active('Running', { name: 'a', uid }), rewarded(1, { name: 'a', uid }));
    expect(await process.lines('sb_trial_duration_seconds_count')).to.deep.equal([
      'sb_trial_duration_seconds_count{namespace="default"} 2',
    ]);
  });

  it('measure the way to the first Job, to work, through the phases and to the end', async () => {
    const begin = { name: 'a', createdAt: 0 };
    process.see(active('BuildingImage', begin));
    process.see(active('PullingImage', { ...begin, status: { attempts: [attempt(1, 12)] } }));
    const phase = (from: number, to: number) => ({
      startTime: stampOf(after(from)),
      completionTime: stampOf(after(to)),
    });
    const end = rewarded(1, {
      ...begin,
      endedAt: 55,
      status: {
        attempts: [attempt(1, 12, ended(55))],
        timings: { environmentSetup: phase(15, 16), agentExecution: phase(16, 46), verifier: phase(46, 50) },
      },
    });
    end.status?.conditions?.push(condition('Started', 'True', 'PodStarted'));
    process.see(end);
    const told = await process.lines(
      'sb_trial_queue',
      'sb_trial_start',
      'sb_trial_phase',
      'sb_trial_d',
      'sb_trial_fin',
    );
    expect(told.filter((line) => line.includes('_sum'))).to.have.members([
      'sb_trial_queue_seconds_sum{namespace="default"} 12',
      'sb_trial_start_seconds_sum{namespace="default"} 3',
      'sb_trial_phase_seconds_sum{namespace="default",phase="environmentSetup"} 1',
      'sb_trial_phase_seconds_sum{namespace="default",phase="agentExecution"} 30',
      'sb_trial_phase_seconds_sum{namespace="default",phase="verifier"} 4',
      'sb_trial_duration_seconds_sum{namespace="default"} 55',
      'sb_trial_finalize_seconds_sum 5',
    ]);
  });

  it('count each attempt that ends, by reason', async () => {
    const lost = attempt(1, 1, ended(10, 'NodeLost'));
    process.see(active('Running', { name: 'a', status: { attempts: [attempt(1, 1)] } }));
    process.see(active('Retrying', { name: 'a', status: { attempts: [lost] } }));
    process.see(active('Running', { name: 'a', status: { attempts: [lost, attempt(2, 20)] } }));
    process.see(rewarded(1, { name: 'a', status: { attempts: [lost, attempt(2, 20, ended(40))] } }));
    expect(await process.lines('sb_trial_attempts')).to.have.members([
      'sb_trial_attempts_total{reason="NodeLost"} 1',
      'sb_trial_attempts_total{reason="RewardObtained"} 1',
    ]);
  });

  const finish = (name: string, over: Partial<TrialInRun['status']>, agent = {}): void => {
    const usage = { inputTokens: 10, cacheTokens: 4, outputTokens: 2, costUsd: 0.5 };
    process.see(active('Running', { name, agent }), rewarded(0, { name, agent, status: { usage, ...over } }));
  };
  const exception = (type: string) => ({ exception: { type, message: 'HTTP 429' } });

  it('add up what agents used, by agents that the operator knows', async () => {
    finish('a', exception('ApiRateLimitError'));
    finish('b', exception('AgentTimeoutError'), { name: 'custom', title: 'anything', model: 'v/large' });
    finish('c', { usage: {} });
    expect(await process.lines('sb_trial_tokens', 'sb_trial_cost', 'sb_trial_model')).to.have.members([
      'sb_trial_tokens_total{namespace="default",agent="oracle",kind="input"} 10',
      'sb_trial_tokens_total{namespace="default",agent="oracle",kind="cached"} 4',
      'sb_trial_tokens_total{namespace="default",agent="oracle",kind="output"} 2',
      'sb_trial_tokens_total{namespace="default",agent="custom",kind="input"} 10',
      'sb_trial_tokens_total{namespace="default",agent="custom",kind="cached"} 4',
      'sb_trial_tokens_total{namespace="default",agent="custom",kind="output"} 2',
      'sb_trial_cost_usd_total{namespace="default",agent="oracle"} 0.5',
      'sb_trial_cost_usd_total{namespace="default",agent="custom"} 0.5',
      'sb_trial_model_failures_total{agent="oracle",type="ApiRateLimitError"} 1',
    ]);
  });

  it('count no reward, tokens or phases of a Trial that had no attempt: they were another one’s', async () => {
    finish('a', { attempts: [] });
    expect(await process.lines('sb_trial_reward', 'sb_trial_tokens', 'sb_trial_cost')).to.deep.equal([]);
    expect(await process.lines('sb_trials_finished')).to.have.length(1);
  });

  it('are not spoilt by a courier that reports absurd figures', async () => {
    const never = { startTime: '1001-01-01T00:00:00Z', completionTime: '9999-01-01T00:00:00Z' };
    const backwards = { startTime: never.completionTime, completionTime: never.startTime };
    finish('a', {
      usage: { inputTokens: Number.MAX_SAFE_INTEGER, costUsd: 1e308 },
      timings: { agentExecution: never, verifier: backwards },
      reward: 1e308,
    });
    finish('b', { usage: { inputTokens: -5, costUsd: 1e308 }, reward: -1e308, finishedAt: never.startTime });
    const told = await process.lines('sb_trial_t', 'sb_trial_c', 'sb_trial_p', 'sb_trial_r', 'sb_trial_d');
    const sums = told.filter((line) => /input|cost|_sum/.test(line));
    expect(sums).to.have.members([
      'sb_trial_tokens_total{namespace="default",agent="oracle",kind="input"} 1000000000000',
      'sb_trial_cost_usd_total{namespace="default",agent="oracle"} 2000000',
      'sb_trial_phase_seconds_sum{namespace="default",phase="agentExecution"} 60',
      'sb_trial_phase_seconds_sum{namespace="default",phase="verifier"} 0',
      'sb_trial_reward_sum{namespace="default",agent="oracle"} 1',
      'sb_trial_duration_seconds_sum{namespace="default"} 10',
    ]);
  });

  it('tell 100 namespaces apart and no more, whoever makes them by the thousand', async () => {
    for (let index = 0; index < 1000; index += 1) {
      const [going, gone] = [active('Running', { name: `t${index}` }), rewarded(1, { name: `t${index}` })];
      process.see(inNamespace(`ns-${index}`, going));
      process.see(inNamespace(`ns-${index}`, gone));
      process.see(inNamespace(`ns-${index}`, active('Running', { name: 'waits' })));
    }
    for (const metric of ['sb_trials{', 'sb_trials_finished_total{', 'sb_trial_duration_seconds_count{']) {
      const told = await process.lines(metric);
      expect(told, metric).to.have.length(101);
      expect(
        told.find((line) => line.includes('namespace="other"')),
        metric,
      ).to.match(/ 900$/);
    }
  });

  it('have no agent, reason or exception as a label that is not of a closed list', async () => {
    for (let index = 0; index < 200; index += 1) {
      const over = { name: `t${index}`, agent: { name: `agent-${index}` as 'custom' } };
      process.see(active('Running', over));
      const status = { ...exception(`Error${index}`), attempts: [attempt(1, 1)] };
      process.see(broken(`Reason${index}` as 'OOMKilled', { ...over, status }));
      process.see(active(`Waiting${index}` as 'Running', { name: `w${index}` }));
    }
    expect(await process.lines('sb_trials_finished', 'sb_trials{', 'sb_trial_cost')).to.deep.equal([
      'sb_trials{namespace="default",state="running",reason="other"} 200',
      'sb_trials_finished_total{namespace="default",result="infrastructure",reason="other"} 200',
      'sb_trial_cost_usd_total{namespace="default",agent="custom"} 0',
    ]);
  });

  it('name no Trial, task, run, Pod or image', async () => {
    finish('secret-name', { podName: 'secret-pod', image: 'secret-image' });
    expect((await process.lines('sb_')).join('\n')).not.to.match(/secret|demo-2026/);
  });
});

describe('The metrics of TaskBuilds', () => {
  const build = (status: TaskBuildStatus): TaskBuild => ({ ...aTaskBuild(), status });
  const says = (status: Condition['status'], reason: string) => ({
    conditions: [condition('Succeeded', status, reason)],
  });

  it('tell what waits, and how long builds that ran took', async () => {
    const process = new Process();
    process.seeBuilds(build(says('Unknown', 'WaitingForSlot')));
    expect(await process.lines('sb_taskbuilds{')).to.deep.equal([
      'sb_taskbuilds{namespace="default",reason="WaitingForSlot"} 1',
    ]);
    const ran = { number: 1, token: 't', openedTime: stampOf(after(2)), runningTime: stampOf(after(5)) };
    process.seeBuilds(build({ ...says('Unknown', 'Building'), attempts: [ran] }));
    process.seeBuilds(build({ ...says('True', 'Built'), attempts: [{ ...ran, ...ended(25) }] }));
    const told = await process.lines('sb_taskbuild');
    expect(told.filter((line) => !line.includes('_count'))).to.have.members([
      'sb_taskbuilds_finished_total{namespace="default",result="succeeded",reason="Built"} 1',
      'sb_taskbuild_queue_seconds_sum{namespace="default"} 3',
      'sb_taskbuild_seconds_sum{namespace="default"} 20',
    ]);
  });

  it('tell whose fault a failure is', async () => {
    const process = new Process();
    process.seeBuilds(build({}), build(says('False', 'DockerfileFailed')));
    expect(await process.lines('sb_taskbuilds_finished')).to.deep.equal([
      'sb_taskbuilds_finished_total{namespace="default",result="definition",reason="DockerfileFailed"} 1',
    ]);
  });
});

describe('The metrics of Sandboxes', () => {
  const sandbox = (
    ready: Condition['status'],
    reason: string,
    more: SandboxStatus & { spec?: object } = {},
  ) => {
    const { spec = {}, ...status } = more;
    return aSandbox({ spec, status: { conditions: [condition('Ready', ready, reason)], ...status } });
  };

  it('tell their states, and how long they took to be ready', async () => {
    const process = new Process();
    process.at = 4;
    process.seeSandboxes(sandbox('False', 'PullingImage', { attempts: [attempt(1, 1)] }));
    process.seeSandboxes(sandbox('True', 'Ready', { attempts: [attempt(1, 1)] }));
    process.seeSandboxes(sandbox('True', 'Ready', { attempts: [attempt(1, 1)], podIP: '10.0.0.1' }));
    process.at = 109;
    process.seeSandboxes(sandbox('False', 'NodeLost', { attempts: [attempt(1, 1, ended(50, 'NodeLost'))] }));
    expect(await process.lines('sb_sandboxes')).to.deep.equal([
      'sb_sandboxes{namespace="default",state="lost",reason="NodeLost"} 1',
    ]);
    const again = [attempt(1, 1, ended(50, 'NodeLost')), attempt(2, 100)];
    process.seeSandboxes(sandbox('True', 'Ready', { attempts: again }));
    const told = await process.lines('sb_sandbox');
    expect(told).to.have.members([
      'sb_sandboxes{namespace="default",state="ready",reason="Ready"} 1',
      'sb_sandbox_attempts_total{reason="NodeLost"} 1',
      'sb_sandbox_start_seconds_sum{namespace="default",from="image"} 13',
      'sb_sandbox_start_seconds_count{namespace="default",from="image"} 2',
    ]);
  });

  it('tell those apart that came from a pool, and measure no pool', async () => {
    const process = new Process();
    process.at = 1;
    const spec = { poolRef: { name: 'pool' } };
    process.seeSandboxes(
      sandbox('False', 'Pending', { spec }),
      sandbox('True', 'Ready', { spec, attempts: [attempt(1, 0)] }),
    );
    const pool = (state: Condition['status'], reason: string) =>
      aSandbox({
        name: 'pool',
        spec: { pool: { size: 1 } },
        status: { conditions: [condition('Ready', state, reason)] },
      });
    process.seeSandboxes(pool('False', 'FillingPool'), pool('True', 'Ready'));
    expect(await process.lines('sb_sandbox_start')).to.deep.equal([
      'sb_sandbox_start_seconds_sum{namespace="default",from="pool"} 1',
      'sb_sandbox_start_seconds_count{namespace="default",from="pool"} 1',
    ]);
  });
});

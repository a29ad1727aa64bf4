import { expect } from 'chai';
import { after } from '../../test/support/builders/objects.ts';
import { harborValidator } from '../../test/support/harbor.ts';
import type { Trial } from '../crds/trial.ts';
import { active, broken, rewarded, RUN } from '../../test/support/builders/run-trials.ts';
import { jobId, jobResult, naive } from './job-result.ts';
import { jobConfig, jobLock, trialLock } from './lock.ts';
import { recordOf, type TrialRecord } from './record.ts';

const recordsOf = (trials: Trial[]): TrialRecord[] => trials.flatMap((trial) => recordOf(trial) ?? []);
const progress = { run: RUN, total: 0, running: 0, startedAt: after(0), now: after(60) };

const mixed = recordsOf([
  rewarded(1, { name: 'a', endedAt: 30 }),
  rewarded(0.95, { name: 'b' }),
  broken('OOMKilled', { name: 'c' }),
  broken('Cancelled', { name: 'd' }),
  rewarded(0, {
    name: 'e',
    status: { exception: { type: 'AgentTimeoutError', message: 'over 3 s' }, usage: { inputTokens: 7 } },
  }),
]);
const nameOf = (name: string): string => mixed.find((record) => record.name === name)?.trial_name ?? '';

describe('Aggregate of a job', () => {
  it('counts as Harbor does: errors among the completed, n_trials with rewards only, the mean over all', () => {
    const { stats, n_total_trials } = jobResult(mixed, progress);
    expect(n_total_trials).to.equal(5);
    expect(stats).to.deep.include({
      n_completed_trials: 5,
      n_errored_trials: 3,
      n_cancelled_trials: 1,
      n_pending_trials: 0,
      n_retries: 0,
      n_input_tokens: 7,
      n_output_tokens: null,
    });
    expect(stats.evals).to.deep.equal({
      oracle__local: {
        n_trials: 3,
        n_errors: 3,
        metrics: [{ mean: 0.39 }],
        pass_at_k: {},
        reward_stats: { reward: { '0.0': [nameOf('e')], '0.95': [nameOf('b')], '1.0': [nameOf('a')] } },
        exception_stats: {
          AgentTimeoutError: [nameOf('e')],
          Cancelled: [nameOf('d')],
          OOMKilled: [nameOf('c')],
        },
        usage: { n_input_tokens: 7, n_cache_tokens: null, n_output_tokens: null, cost_usd: null },
      },
    });
  });

  it('adds up tokens and costs by agent and model, and counts failures of models apart', () => {
    const used = (model: string, costUsd: number, type?: string): Trial =>
      rewarded(0, {
        name: `${model}-${type ?? 'fine'}`.toLowerCase(),
        agent: { name: 'custom', title: 'mine', model },
        status: {
          usage: { inputTokens: 10, cacheTokens: 4, outputTokens: 2, costUsd },
          ...(type !== undefined && { exception: { type, message: 'HTTP 429' } }),
        },
      });
    const records = recordsOf([
      used('v/small', 0.1, 'ApiRateLimitError'),
      used('v/small', 0.2, 'BudgetExceededError'),
      used('v/large', 3),
    ]);
    const { stats } = jobResult(records, progress);
    expect(stats).to.include({ n_input_tokens: 30, n_output_tokens: 6, cost_usd: 3.3, n_model_failures: 1 });
    expect(Object.keys(stats.evals)).to.deep.equal(['mine__large__local', 'mine__small__local']);
    expect(stats.evals['mine__small__local']?.usage).to.deep.equal({
      n_input_tokens: 20,
      n_cache_tokens: 8,
      n_output_tokens: 4,
      cost_usd: 0.3,
    });
  });

  it('compares regrades with what they judged again, and counts their own rewards', () => {
    const again = (reward: number, original: number | undefined, name: string): Trial =>
      rewarded(reward, {
        name,
        status: {
          regraded: {
            trial: `${name}__1234567`,
            uri: 's3://b/x',
            ...(original !== undefined && { reward: original }),
          },
        },
      });
    const trials = [again(1, 0.1, 'a'), again(0.5, 0.5, 'b'), again(0, 0.3, 'c'), again(1, undefined, 'd')];
    const lost = broken('OOMKilled', {
      name: 'e',
      status: { regraded: { trial: 'e__1234567', uri: 's3://b/x', reward: 1 } },
    });
    const result = jobResult(recordsOf([...trials, lost]), progress);
    expect(result.regrade).to.deep.equal({
      n_compared: 3,
      n_up: 1,
      n_down: 1,
      mean_original: (0.1 + 0.3 + 0.5) / 3,
      mean_regraded: (0 + 0.5 + 1) / 3,
    });
    expect(result.stats.evals['oracle__local']?.metrics).to.deep.equal([{ mean: 0.5 }]);
    expect(jobResult(mixed, progress)).not.to.have.property('regrade');
  });

  it('has a mean for every key where there are several, and counts a missing one as 0', () => {
    const records = recordsOf([
      rewarded(0.5, { name: 'a', rewards: { correct: 1, style: 0 } }),
      rewarded(1, { name: 'b', rewards: { correct: 1 } }),
      broken('RewardMissing', { name: 'c' }),
      broken('RewardMissing', { name: 'd' }),
    ]);
    const [metrics] = jobResult(records, progress).stats.evals['oracle__local']?.metrics ?? [];
    expect(metrics).to.deep.equal({ correct: 0.5, style: 0 });
  });

  it('calls the mean `mean` where there is one key, whatever its name', () => {
    const records = recordsOf([rewarded(0.5, { name: 'a', rewards: { accuracy: 0.5 } })]);
    expect(jobResult(records, progress).stats.evals['oracle__local']?.metrics).to.deep.equal([{ mean: 0.5 }]);
  });

  it('keeps agents, models and datasets apart, and leaves the provider out of the key', () => {
    const agent = { name: 'custom', model: 'acme/large' };
    const task = { name: 't', dataset: 'bench' };
    const records = recordsOf([
      rewarded(1, { name: 'a', agent, task }),
      rewarded(0, { name: 'b', agent, task }),
      rewarded(1, { name: 'c' }),
    ]);
    const { evals } = jobResult(records, progress).stats;
    expect(Object.keys(evals)).to.deep.equal(['custom__large__bench', 'oracle__local']);
    expect(evals['custom__large__bench']?.pass_at_k).to.deep.equal({ 2: 1 });
  });

  it('is unfinished while Trials are missing, and finished with the last one’s end', () => {
    const going = jobResult(mixed, { ...progress, total: 8, running: 2 });
    expect(going.finished_at).to.equal(null);
    expect(going.updated_at).to.equal(naive(after(60)));
    expect(going.stats).to.include({ n_running_trials: 2, n_pending_trials: 1 });
    const done = jobResult(mixed, progress);
    expect([done.finished_at, done.updated_at]).to.deep.equal([naive(after(30)), naive(after(30))]);
  });

  it('is the same whatever the order of its Trials', () => {
    expect(jobResult(mixed.toReversed(), progress)).to.deep.equal(jobResult(mixed, progress));
  });

  it('has local times without a zone, as Python’s datetime.now() writes them', () => {
    const noon = new Date(2026, 0, 31, 12, 4, 5, 67);
    expect(naive(noon)).to.equal('2026-01-31T12:04:05.067000');
  });

  it('has an id that every writer comes to', () => {
    expect(jobId(RUN)).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(jobId(RUN)).to.equal(jobId(RUN)).and.not.to.equal(jobId('another'));
  });

  it('has no record of a Trial that goes on', () => {
    expect(recordOf(active('Running'))).to.equal(undefined);
  });
});

describe('Files of a job', () => {
  const config = {
    task: { path: 's3://bucket/tasks/local/hello/0123/', source: 'local' },
    agent: { name: 'oracle', env: {} },
    environment: { type: null, import_path: 'sb-operator:kubernetes' },
    verifier: { disable: false, env: {} },
  };
  const lock = trialLock(config, { name: 'org/hello', digest: 'ab'.repeat(32) });
  const source_trial = { action: 'regrade', type: 'local', path: 's3://b/trials/x/first__1234567/' };
  const locks = new Map([['hello__1234567', lock]]);

  it('are what Harbor’s own schemas want', async function () {
    const validate = await harborValidator(this);
    for (const total of [0, 9]) validate('job-result', jobResult(mixed, { ...progress, total, running: 1 }));
    validate('job-result', jobResult([], progress));
    validate('job-config', jobConfig({ run: RUN, jobsDir: 'jobs', total: 5, records: mixed }));
    validate('job-config', jobConfig({ run: RUN, jobsDir: 'jobs', total: 0, records: [] }));
    validate('trial-lock', lock);
    const again = trialLock({ ...config, source_trial }, { name: 'org/hello', digest: 'ab'.repeat(32) });
    expect(again).to.deep.include({ source_trial });
    validate('trial-lock', again);
    const status = { regraded: { trial: 'first__1234567', uri: 's3://b/x', reward: 0 } };
    validate('job-result', jobResult(recordsOf([rewarded(1, { status })]), progress));
    validate('job-lock', jobLock({ createdAt: after(0), total: 1, locks }));
    validate('job-lock', jobLock({ createdAt: after(0), total: 0, locks: new Map() }));
  });

  it('name the datasets and their tasks (the viewer showed versions for names)', () => {
    expect(jobConfig({ run: RUN, jobsDir: 'jobs', total: 5, records: mixed }))
      .to.deep.include({ n_attempts: 1 })
      .and.to.have.property('datasets')
      .that.deep.equals([{ name: 'local', task_names: mixed.map(({ task_name }) => task_name).sort() }]);
  });

  it('count attempts at the same task by the same agent', () => {
    const task = { name: 'one' };
    const records = recordsOf([rewarded(1, { name: 'a', task }), rewarded(1, { name: 'b', task })]);
    expect(jobConfig({ run: RUN, jobsDir: 'jobs', total: 2, records })).to.include({ n_attempts: 2 });
  });
});

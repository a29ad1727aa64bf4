import { expect } from 'chai';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after as secondsAfter } from '../../../../test/support/builders/objects.ts';
import { harborValidator } from '../../../../test/support/harbor.ts';
import { memoryArtifactStore } from '../../../providers/artifact-store/memory.ts';
import type { ArtifactStore } from '../../../providers/artifact-store/port.ts';
import { ProviderError } from '../../../providers/errors.ts';
import type { Trial } from '../../../crds/trial.ts';
import { active, broken, rewarded, RUN } from '../../../../test/support/builders/run-trials.ts';
import { RunView } from '../follow/view.ts';
import { inLocalTime, type JobResult } from '../../../results/job-result.ts';
import { RunsWorld } from '../../../../test/support/builders/runs-world.ts';
import { indexManifestKey, jobResultKey } from '../../../results/keys.ts';
import type { ResultsProblem } from './problem.ts';
import { collectResults } from './results.ts';
import { storedTrials } from './mirror.ts';
import { storeTrial } from '../../../../test/support/client/stored-trial.ts';

type ResultsOptions = Parameters<typeof collectResults>[0];

describe('Results of a run', () => {
  let jobsDir: string;
  beforeEach(async () => void (jobsDir = await mkdtemp(join(tmpdir(), 'sb-results-'))));
  afterEach(() => rm(jobsDir, { recursive: true, force: true }));

  const begin = (store: ArtifactStore, over: Partial<ResultsOptions> & { expected?: number } = {}) => {
    const view = new RunView({ run: RUN, expected: over.expected ?? 0 });
    const results = collectResults({
      store,
      run: RUN,
      namespace: 'default',
      jobsDir,
      view,
      now: () => secondsAfter(60),
      signal: new AbortController().signal,
      ...over,
    });
    const see = (trial: Trial): void => {
      if (view.take({ trial, deleted: false })) results.add(trial);
    };
    return { results, see, view };
  };
  const local = async (path: string): Promise<JobResult> =>
    JSON.parse(await readFile(join(jobsDir, RUN, path), 'utf8')) as JobResult;
  const remote = async (store: ArtifactStore): Promise<JobResult | undefined> => {
    const contents = await store.get(jobResultKey(RUN), 2 ** 20);
    return contents && (JSON.parse(Buffer.from(contents).toString('utf8')) as JobResult);
  };
  /** What the operator writes of these Trials. */
  const operated = async (store: ArtifactStore, ...trials: Trial[]): Promise<void> => {
    const world = new RunsWorld();
    world.have(...trials);
    for (const trial of trials.slice(0, 1)) await world.lead(store).reconcile(trial);
  };

  it('are a folder for each Trial and the job’s files, as Harbor’s schemas want them', async function () {
    const validate = await harborValidator(this);
    const store = memoryArtifactStore();
    const { results, see } = begin(store);
    for (const name of ['a', 'b']) {
      const trial = rewarded(1, { name });
      await storeTrial(store, trial, { 'agent/oracle.txt': name });
      see(active('Running', { name }));
      see(trial);
    }
    const report = await results.finish();
    expect(report).to.deep.include({ trials: 2, problems: [] });
    expect((await readdir(join(jobsDir, RUN))).map((name) => name.replace(/__.*/, '')).sort()).to.deep.equal([
      'a',
      'b',
      'config.json',
      'lock.json',
      'result.json',
    ]);
    validate('job-result', await local('result.json'));
    validate('job-config', await local('config.json'));
    validate('job-lock', await local('lock.json'));
    expect(await local('lock.json'))
      .to.have.property('trials')
      .with.length(2);
    expect((await local('result.json')).finished_at).not.to.equal(null);
    expect(await remote(store), 'the store is the operator’s').to.equal(undefined);
  });

  it('are written while the run goes on', async () => {
    const store = memoryArtifactStore();
    const { results, see } = begin(store, { expected: 3, everyMs: 20 });
    see(active('Running', { name: 'b' }));
    see(rewarded(1, { name: 'a', uploadResults: false }));
    while (
      await local('result.json').then(
        ({ stats }) => stats.n_completed_trials === 0,
        () => true,
      )
    )
      await sleep(5);
    await results.finish();
    const { stats, finished_at, n_total_trials } = await local('result.json');
    expect([finished_at, n_total_trials]).to.deep.equal([null, 3]);
    expect(stats).to.include({ n_completed_trials: 1, n_running_trials: 1, n_pending_trials: 1 });
  });

  it('are finished although a Trial was deleted before its end', async () => {
    const store = memoryArtifactStore();
    const { results, see, view } = begin(store);
    see(broken('PodLost', { name: 'a', uploadResults: false }));
    const doomed = active('Running', { name: 'b' });
    see(doomed);
    view.take({ trial: doomed, deleted: true });
    await results.finish();
    expect(await local('result.json'))
      .to.include({ n_total_trials: 1 })
      .and.not.include({ finished_at: null });
  });

  it('has the aggregate of the operator, in this machine’s time, and adds up the same without it', async () => {
    const trials = [rewarded(1, { name: 'a', uploadResults: false }), broken('OOMKilled', { name: 'b' })];
    const store = memoryArtifactStore();
    const alone = begin(memoryArtifactStore());
    for (const trial of trials) alone.see(trial);
    await alone.results.finish();
    const added = await local('result.json');
    await operated(store, ...trials);
    const { results, see } = begin(store);
    for (const trial of trials) see(trial);
    await results.finish();
    expect(await local('result.json')).to.deep.equal(inLocalTime((await remote(store))!));
    expect(await local('result.json')).to.deep.equal(added);
  });

  it('are added up here where the aggregate is not what the operator writes', async () => {
    const trial = rewarded(1, { name: 'a', uploadResults: false });
    const store = memoryArtifactStore();
    await operated(store, trial);
    const right = await remote(store);
    const others = [
      'null',
      '{',
      '[]',
      '{"finished_at":"\\u001b[2J"}',
      JSON.stringify({ ...right, stats: null }),
    ];
    for (const other of [...others, JSON.stringify({ ...right, started_at: 'yesterday' })]) {
      await store.put(jobResultKey(RUN), other);
      const { results, see } = begin(store);
      see(trial);
      expect(await results.finish(), other).to.deep.include({ problems: [] });
      expect(await local('result.json'), other).to.deep.equal(inLocalTime(right!));
    }
  });

  it('count what is still to come, although the operator takes the run for finished', async () => {
    const store = memoryArtifactStore();
    const trial = rewarded(1, { name: 'a', uploadResults: false });
    await operated(store, trial);
    const { results, see } = begin(store, { expected: 2 });
    see(trial);
    await results.finish();
    expect(await local('result.json')).to.include({ n_total_trials: 2, finished_at: null });
  });

  it('are on this disk where the store refuses to be read, and that is told once', async () => {
    const store = memoryArtifactStore({
      fault: (operation) =>
        operation === 'head' ? new ProviderError('AccessDenied', 'not for you') : undefined,
    });
    const problems: ResultsProblem[] = [];
    const { results, see } = begin(store, { everyMs: 10, onProblem: (one) => problems.push(one) });
    for (let index = 0; index < 5; index++) {
      see(rewarded(1, { name: `t${index}`, uploadResults: false }));
      await sleep(15);
    }
    const report = await results.finish();
    expect(report.problems.map(({ error }) => error.code)).to.deep.equal(['SB-E011']);
    expect(problems).to.have.length(1);
    expect((await local('result.json')).stats.n_completed_trials).to.equal(5);
  });

  it('wait for a store that is away just when the last of them are to be read', async () => {
    let refusals = 3;
    const store = memoryArtifactStore({
      fault: (operation) =>
        operation === 'head' && refusals-- > 0 ? new ProviderError('Unavailable', 'away') : undefined,
    });
    const { results, see } = begin(store, { pausesMs: [1, 1, 1] });
    see(rewarded(1, { name: 'a', uploadResults: false }));
    expect(await results.finish()).to.deep.include({ problems: [] });
    expect((await local('result.json')).stats.n_completed_trials).to.equal(1);
  });

  it('name the command that mends an index which is none', async () => {
    const store = memoryArtifactStore();
    await store.put(indexManifestKey(RUN), 'null');
    const { results, see } = begin(store);
    see(rewarded(1, { name: 'a', uploadResults: false }));
    const [problem] = (await results.finish()).problems;
    expect(problem?.error).to.include({ code: 'SB-E061' });
    expect(problem?.error.fix).to.include(`sb run reindex ${RUN}`);
    expect((await local('result.json')).stats.n_completed_trials).to.equal(1);
  });

  it('can be had again from the store alone', async () => {
    const store = memoryArtifactStore();
    const first = begin(store);
    for (const name of ['a', 'b']) {
      await storeTrial(store, rewarded(1, { name }), { 'agent/x.txt': name, 'verifier/reward.txt': '1' });
      first.see(rewarded(1, { name }));
    }
    await operated(store, ...['a', 'b'].map((name) => rewarded(1, { name })));
    await first.results.finish();
    const before = await local('result.json');
    await rm(join(jobsDir, RUN), { recursive: true });
    const { results } = begin(store);
    for await (const trial of storedTrials(store, RUN)) results.addStored(trial);
    expect(await results.finish()).to.deep.include({ trials: 2, problems: [] });
    expect(await local('result.json')).to.deep.equal(before);
  });

  it('are told to be missing where the disk refuses', async () => {
    await writeFile(join(jobsDir, RUN), 'a file in the way');
    const { results, see } = begin(memoryArtifactStore());
    see(rewarded(1, { uploadResults: false }));
    const report = await results.finish();
    expect(report.problems.map(({ error }) => error.code)).to.deep.equal(['SB-E063']);
  });
});

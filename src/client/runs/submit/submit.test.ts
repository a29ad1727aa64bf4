import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { ApiServer, type FaultRule } from '../../../../test/support/api-server.ts';
import { connectTo, fastClock } from '../../../../test/support/kube.ts';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../../../test/support/folder.ts';
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../../crds/kinds.ts';
import type { Kube } from '../../../kube/connect.ts';
import { Secret as SecretKind, type Secret } from '../../../kube/kinds.ts';
import { memoryArtifactStore } from '../../../providers/artifact-store/memory.ts';
import { ProviderError } from '../../../providers/errors.ts';
import { retried } from '../../../providers/retry.ts';
import { readTask, unpack } from '../../../tasks/index.ts';
import { CliError } from '../../failures/error.ts';
import type { RunOptions } from '../../documents/run-options.ts';
import { planRun } from '../plan/plan.ts';
import type { RunPlan } from '../plan/types.ts';
import { selectTasks } from '../select/select.ts';
import { dryRunServer, submitRun, type SubmitOptions } from './submit.ts';

/** Failures of one request, the store's retries and ours taken together. */
const LONGER_THAN_ANYBODY_WAITS = 100;

type SubmitEvent = Parameters<NonNullable<SubmitOptions['onEvent']>>[0];

describe('Submitting a run', () => {
  let server: ApiServer;
  let kubeParts: Kube;
  let folders: string[];
  let faults: Map<string, ProviderError[]>;
  let puts: string[];
  let session: SubmitOptions['session'];

  beforeEach(async () => {
    server = await ApiServer.start();
    // Pauses of `persistently` are short; requests keep the time that a busy machine needs.
    kubeParts = { ...connectTo(server, { fieldManager: 'sb' }), clock: fastClock(1000) };
    folders = [];
    faults = new Map();
    puts = [];
    const memory = memoryArtifactStore({
      fault(operation, key) {
        if (operation === 'put') puts.push(key);
        return faults.get(`${operation} ${key.slice(key.lastIndexOf('/') + 1)}`)?.shift();
      },
    });
    const store = retried(memory, { sleep: () => Promise.resolve() });
    session = { kube: kubeParts.client, kubeParts, namespace: 'evals', store: () => Promise.resolve(store) };
  });
  afterEach(async () => {
    await kubeParts.close();
    await server.close();
    await Promise.all(folders.map(removeTaskFolder));
  });

  async function planOf(options: RunOptions = {}, count = 1): Promise<RunPlan> {
    while (folders.length < count) {
      const toml = `[task]\nname = "acme/task-${folders.length}"\n`;
      folders.push(await taskFolder({ ...MINIMAL, 'task.toml': toml, 'solution/solve.sh': '' }));
    }
    const found = await Promise.all(folders.map((path) => selectTasks({ path })));
    const selection = { root: '/', tasks: found.flatMap(({ tasks }) => tasks), invalid: [] };
    return planRun({
      selection,
      run: options.runName ?? 'run-1',
      bucket: 'memory',
      options,
      environment: {},
    });
  }

  const signal = new AbortController().signal;
  const submit = (plan: RunPlan, more: Partial<SubmitOptions> = {}) =>
    submitRun({ session, plan, signal, ...more });
  const trials = () => [...server.collection(TrialKind).objects.values()];
  const writes = () => server.requests.filter(({ method }) => method !== 'GET');
  const onTrials: FaultRule['on'] = ({ method, path }) => method === 'PATCH' && path.includes('/trials/');

  async function failure(work: Promise<unknown>): Promise<CliError> {
    const error: unknown = await work.catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(CliError);
    return error as CliError;
  }

  it('stores each task and creates its Trials', async () => {
    const plan = await planOf({ attempts: 2 }, 2);
    const events: SubmitEvent[] = [];
    const done = await submit(plan, { onEvent: (event) => events.push(event) });
    expect(done).to.deep.include({ created: 4, unchanged: 0, refused: [] });
    expect(done.tasks).to.include({ stored: 2, present: 0 });
    expect(trials().map(({ metadata }) => metadata.name)).to.have.members(
      plan.tasks.flatMap((task) => task.trials.map(({ metadata }) => metadata.name)),
    );
    expect(trials()[0]?.metadata).to.include({ namespace: 'evals' });
    expect(server.requests.find(({ method }) => method === 'PATCH')?.query.get('fieldManager')).to.equal(
      'sb',
    );
    expect(events.filter(({ type }) => type === 'task')).to.have.length(2);
    expect(events.filter(({ type }) => type === 'trial')).to.have.length(4);
  });

  it('stores what the operator reads: the task, its context with the digest of the manifest, and metadata last', async () => {
    const plan = await planOf();
    await submit(plan);
    expect(puts.map((key) => key.slice(key.lastIndexOf('/') + 1))).to.deep.equal([
      'task.zip',
      'context.zip',
      'metadata.json',
    ]);
    const store = await session.store();
    const uri = plan.tasks[0]?.trials[0]?.spec.task?.s3?.uri ?? '';
    const prefix = uri.replace('s3://memory/', '');
    const metadata = JSON.parse(
      Buffer.from((await store.get(`${prefix}metadata.json`, 1e6)) ?? '').toString(),
    ) as object;
    expect(metadata).to.deep.include({ name: 'acme/task-0', context_sha256: plan.tasks[0]?.contextSha256 });
    const folder = await taskFolder({});
    folders.push(folder);
    await unpack((await store.get(`${prefix}task.zip`, 1e6)) ?? new Uint8Array(), folder);
    expect(await readFile(join(folder, 'instruction.md'), 'utf8')).to.equal(MINIMAL['instruction.md']);
    expect((await readTask(folder)).name).to.equal('acme/task-0');
  });

  it('does nothing the second time', async () => {
    const plan = await planOf({ agentEnv: { API_KEY: 'x' } }, 3);
    await submit(plan);
    const before = puts.length;
    server.requests.length = 0;
    const done = await submit(await planOf({ agentEnv: { API_KEY: 'x' } }, 3));
    expect(done).to.deep.include({ created: 0, unchanged: 3, refused: [] });
    expect(done.tasks).to.deep.equal({ stored: 0, present: 3, bytes: 0 });
    expect(puts).to.have.length(before);
    expect(writes().every(({ path }) => path.includes('/secrets'))).to.equal(true);
  });

  it('stores a task of another run no second time', async () => {
    await submit(await planOf());
    const plan = await planOf({ attempts: 2, runName: 'run-2' });
    expect((await submit(plan)).tasks).to.deep.equal({ stored: 0, present: 1, bytes: 0 });
  });

  it('creates the Trials that are missing and leaves the others alone', async () => {
    await submit(await planOf());
    expect(await submit(await planOf({ attempts: 3 }))).to.include({ created: 2, unchanged: 1 });
  });

  it('touches nothing where a Trial is there with other content, and names it', async () => {
    const plan = await planOf();
    await submit(plan);
    server.requests.length = 0;
    const error = await failure(submit(await planOf({ cpus: '2', attempts: 2 })));
    const name = plan.tasks[0]?.trials[0]?.metadata.name;
    expect([error.code, error.exit]).to.deep.equal(['SB-E038', 2]);
    expect(error.why).to.equal(`Trial ${name} is there with another environment.resources.requests.cpu`);
    expect(writes()).to.deep.equal([]);
  });

  it('puts secret values into a Secret, and keeps those of an earlier command of the run', async () => {
    await submit(await planOf({ agentEnv: { A_KEY: 'a' } }));
    await submit(await planOf({ verifierEnv: { B_KEY: 'b' }, agents: [{ name: 'nop' }] }));
    const secret = server.collection(SecretKind).objects.get('evals/run-1-env') as Secret;
    expect(Object.keys(secret.data ?? {})).to.deep.equal(['agent.A_KEY', 'verifier.B_KEY']);
    expect(secret.metadata.labels).to.deep.equal({ 'sb.abundant.ai/run': 'run-1' });
  });

  it('creates a forced build before the Trial that waits for it', async () => {
    await submit(await planOf({ forceBuild: true }));
    const [build] = server.collection(TaskBuildKind).objects.values();
    expect(build?.spec).to.include({ force: true });
    expect(writes().map(({ path }) => path.split('/').at(-2))).to.deep.equal(['taskbuilds', 'trials']);
  });

  describe('when the API server is in trouble', () => {
    it('waits for one that restarts, says so, and creates nothing twice where answers were lost', async () => {
      server.faults.add({ on: onTrials, fault: { kind: 'lose-reply' }, times: 3 });
      server.faults.add({ on: onTrials, fault: { kind: 'drop' }, times: 5 });
      server.faults.add({ on: onTrials, fault: { kind: 'status', status: 503 }, times: 4 });
      const events: SubmitEvent[] = [];
      const done = await submit(await planOf({ attempts: 10 }), { onEvent: (event) => events.push(event) });
      expect(done).to.deep.include({ created: 10, refused: [] });
      expect(trials()).to.have.length(10);
      expect(events.find(({ type }) => type === 'waiting')).to.include({ on: 'API server' });
    });

    it('says once for all requests that it waits', async () => {
      server.faults.add({ on: onTrials, fault: { kind: 'status', status: 503 }, times: 10 });
      const events: SubmitEvent[] = [];
      await submit(await planOf({ attempts: 10 }), { onEvent: (event) => events.push(event) });
      const types = events.map(({ type }) => type);
      const firstCreated = types.indexOf('trial');
      expect(types.slice(0, firstCreated)).to.deep.equal(['task', 'waiting']);
    });

    it('waits also where nothing was created yet', async () => {
      const onList: FaultRule['on'] = ({ method, path }) => method === 'GET' && path.endsWith('/trials');
      server.faults.add({ on: onList, fault: { kind: 'drop' }, times: 10 });
      expect(await submit(await planOf())).to.include({ created: 1 });
    });

    it('gives up on one that stays away, and says how to go on', async () => {
      server.faults.add({ on: onTrials, fault: { kind: 'drop' }, skip: 4, times: Infinity });
      const error = await failure(submit(await planOf({ attempts: 6 })));
      expect(error.code).to.equal('SB-E004');
      expect(error.what).to.match(/\(4 of 6 Trials of run-1 are there\)/);
      expect(error.fix).to.match(/run the same command again with --run-name run-1/);
      server.faults.clear();
      expect(await submit(await planOf({ attempts: 6 }))).to.include({ created: 2, unchanged: 4 });
    });

    it('does not believe a refusal of one that has just started and knows no roles', async () => {
      const reason =
        'trials.sb.abundant.ai "x" is forbidden: User "jane" cannot patch resource "trials" in API group "sb.abundant.ai" in the namespace "evals"';
      server.faults.add({ on: onTrials, fault: { kind: 'drop' }, times: 2 });
      server.faults.add({ on: onTrials, fault: { kind: 'status', status: 403, reason }, times: 3 });
      expect(await submit(await planOf())).to.include({ created: 1 });
    });

    it('stops at a missing permission and names it', async () => {
      const reason =
        'trials.sb.abundant.ai "x" is forbidden: User "jane" cannot patch resource "trials" in API group "sb.abundant.ai" in the namespace "evals"';
      server.faults.add({ on: onTrials, fault: { kind: 'status', status: 403, reason }, times: Infinity });
      const error = await failure(submit(await planOf({ attempts: 500 })));
      expect([error.code, error.exit]).to.deep.equal(['SB-E006', 3]);
      expect(error.what).to.equal('you may not patch trials.sb.abundant.ai in namespace evals');
      expect(trials()).to.deep.equal([]);
      // Nothing is begun after the first refusal that is believed.
      expect(new Set(writes().map(({ path }) => path)).size).to.be.below(100);
    });

    it('stops at a quota and names it', async () => {
      const reason =
        'trials.sb.abundant.ai "x" is forbidden: exceeded quota: team-a, requested: count/trials.sb.abundant.ai=1, used: 2, limited: 2';
      server.faults.add({
        on: onTrials,
        fault: { kind: 'status', status: 403, reason },
        skip: 2,
        times: Infinity,
      });
      const error = await failure(submit(await planOf({ attempts: 50 })));
      expect([error.code, error.exit]).to.deep.equal(['SB-E017', 3]);
      expect(error.why).to.match(/exceeded quota: team-a/);
      expect(error.what).to.match(/2 of 50 Trials/);
    });

    it('goes on past a Trial that is refused for what is in it', async () => {
      const reason =
        'Trial.sb.abundant.ai "x" is invalid: spec: Forbidden: environment is immutable; create another Trial';
      server.faults.add({ on: onTrials, fault: { kind: 'status', status: 422, reason }, skip: 3 });
      server.faults.add({
        on: onTrials,
        fault: { kind: 'status', status: 500, reason: '.spec.x: field not declared in schema' },
        skip: 3,
      });
      const { created, refused } = await submit(await planOf({ attempts: 10 }));
      expect(created).to.equal(8);
      expect(refused.map(({ error }) => error.code)).to.deep.equal(['SB-E038', 'SB-E040']);
      expect(refused[0]?.error.why).to.match(/^it is there with another environment/);
    });
  });

  describe('when the store is in trouble', () => {
    const unavailable = () => new ProviderError('Unavailable', 'put: it is away');

    it('tries again', async () => {
      faults.set('put task.zip', [unavailable(), unavailable()]);
      expect(await submit(await planOf())).to.include({ created: 1 });
    });

    it('waits longer than the store itself does, and says so', async () => {
      faults.set('put task.zip', Array.from({ length: 9 }, unavailable));
      const events: SubmitEvent[] = [];
      const done = await submit(await planOf(), { onEvent: (event) => events.push(event) });
      expect(done).to.include({ created: 1 });
      expect(events[0]).to.deep.equal({ type: 'waiting', on: 'store', why: 'put: it is away' });
    });

    it('creates no Trial of a task that could not be stored', async () => {
      faults.set('put context.zip', Array.from({ length: LONGER_THAN_ANYBODY_WAITS }, unavailable));
      expect((await failure(submit(await planOf()))).code).to.equal('SB-E010');
      expect(trials()).to.deep.equal([]);
    });

    it('does not wait where somebody has to log in', async () => {
      const cause = Object.assign(new Error('no credentials'), { name: 'CredentialsProviderError' });
      faults.set(
        'get metadata.json',
        [...Array(4)].map(() => new ProviderError('Unavailable', 'get', { cause })),
      );
      const events: SubmitEvent[] = [];
      const work = submit(await planOf(), { onEvent: (event) => events.push(event) });
      expect((await failure(work)).code).to.equal('SB-E012');
      expect(events).to.deep.equal([]);
    });

    it('says who is refused', async () => {
      faults.set('get metadata.json', [
        new ProviderError('AccessDenied', 'get s3://memory/x: needs s3:GetObject'),
      ]);
      const error = await failure(submit(await planOf()));
      expect([error.code, error.why]).to.deep.equal(['SB-E011', 'get s3://memory/x: needs s3:GetObject']);
    });
  });

  it('completes an upload that was killed halfway', async () => {
    faults.set(
      'put metadata.json',
      Array.from({ length: LONGER_THAN_ANYBODY_WAITS }, () => new ProviderError('Unavailable', 'killed')),
    );
    await failure(submit(await planOf()));
    faults.clear();
    expect((await submit(await planOf())).tasks).to.include({ stored: 1, present: 0 });
  });

  it('lets two submit the same tasks at the same time', async () => {
    const [a, b] = [await planOf({}, 5), await planOf({ runName: 'run-2' }, 5)];
    const both = await Promise.all([submit(a), submit(b)]);
    expect(both[0].tasks.stored + both[1].tasks.stored).to.equal(5);
    expect(both[0].tasks.present + both[1].tasks.present).to.equal(5);
  });

  it('does not run a task whose stored version has other executable bits', async () => {
    await submit(await planOf());
    const plan = await planOf({ runName: 'run-2' });
    const [planned] = plan.tasks;
    if (!planned) throw new Error('there is no task');
    const files = planned.task.files.map((file) => ({ ...file, executable: !file.executable }));
    const other = { ...plan, tasks: [{ ...planned, task: { ...planned.task, files } }] };
    const error = await failure(submit(other));
    expect(error.code).to.equal('SB-E039');
    expect(error.why).to.match(/environment\/Dockerfile is not executable there and executable here$/);
  });

  it('does not run a task whose context lies there with other bytes of an upload that never ended', async () => {
    const plan = await planOf();
    const uri = plan.tasks[0]?.trials[0]?.spec.task?.s3?.uri ?? '';
    await (await session.store()).put(`${uri.replace('s3://memory/', '')}context.zip`, 'other bytes');
    expect((await failure(submit(plan))).code).to.equal('SB-E039');
    expect(trials()).to.deep.equal([]);
  });

  it('fails where a task changes while it is being stored', async () => {
    const plan = await planOf();
    await writeFile(join(folders[0] ?? '', 'tests/test.sh'), 'changed');
    const error = await failure(submit(plan));
    expect([error.code, error.exit]).to.deep.equal(['SB-E014', 2]);
    expect(error.why).to.match(/tests\/test\.sh: changed while the task was being packed/);
  });

  it('begins nothing more once it is interrupted', async () => {
    const stop = new AbortController();
    const onEvent = ({ type }: SubmitEvent): void =>
      void (type === 'trial' && stop.abort(new Error('Ctrl-C')));
    const error: unknown = await submit(await planOf({ attempts: 500 }), {
      signal: stop.signal,
      onEvent,
    }).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('message', 'Ctrl-C');
    expect(trials().length).to.be.within(1, 64);
  });

  it('asks only what the API server would say, in a dry run', async () => {
    await dryRunServer({ session, plan: await planOf({ agentEnv: { A_KEY: 'a' } }), signal });
    expect(puts).to.deep.equal([]);
    expect(writes().map(({ method, query }) => [method, query.get('dryRun')])).to.deep.equal([
      ['PATCH', 'All'],
      ['PATCH', 'All'],
    ]);
  });
});

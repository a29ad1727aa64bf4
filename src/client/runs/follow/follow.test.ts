import { expect } from 'chai';
import { Trial as TrialKind } from '../../../crds/kinds.ts';
import type { Trial } from '../../../crds/trial.ts';
import type { Kube } from '../../../kube/connect.ts';
import { ApiServer } from '../../../../test/support/api-server.ts';
import { connectTo, fastClock, until } from '../../../../test/support/kube.ts';
import { followRun, ageMs, lineOfRow, trialRows, type TrialNews } from './follow.ts';
import { active, inRun, rewarded, RUN, broken } from '../../../../test/support/builders/run-trials.ts';
import { RunView } from './view.ts';
import { after } from '../../../../test/support/builders/objects.ts';
import { lineOf, type TrialLine } from './line.ts';

describe('Following a run', () => {
  let server: ApiServer;
  let kube: Kube;
  let stop: AbortController;

  beforeEach(async () => {
    server = await ApiServer.start();
    kube = connectTo(server, { clock: fastClock(15) });
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort(new Error('the test is over'));
    await kube.close();
    await server.close();
  });

  /** The server gives versions and UIDs itself. */
  const stored = (trial: Trial): Trial => {
    const { resourceVersion: _version, uid: _uid, ...metadata } = trial.metadata;
    return { ...trial, metadata };
  };
  const trials = () => server.collection(TrialKind);
  const has = ({ metadata: { name } }: Trial): boolean => trials().objects.has(`default/${name}`);
  const write = (trial: Trial): void => {
    if (!has(trial)) trials().create(stored(trial));
    else for (const part of ['main', 'status'] as const) trials().update(stored(trial), part);
  };

  const follow = ({
    expected = 0,
    onConnection,
    preview = false,
  }: Partial<Parameters<typeof followRun>[0]> & { expected?: number } = {}) => {
    const view = new RunView({ run: RUN, expected });
    const news: TrialNews[] = [];
    const following = followRun({
      kube,
      namespace: 'default',
      run: RUN,
      view,
      preview,
      signal: stop.signal,
      onNews: (one) => news.push(one),
      ...(onConnection && { onConnection }),
    });
    return { view, news, following };
  };

  it('sees the Trials of the run alone, and resolves when all have ended', async () => {
    write(inRun({ name: 'a' }));
    const other = inRun({ name: 'b' });
    write({ ...other, metadata: { ...other.metadata, labels: {} } });
    const { view, news, following } = follow({ expected: 2 });
    await following.whenSynced();
    expect([...view.trials()].map(({ name }) => name)).to.deep.equal(['a']);
    write(rewarded(1, { name: 'a' }));
    write(rewarded(0, { name: 'c' }));
    await following.whenOver();
    expect(view.summary(new Date()).mean).to.equal(0.5);
    expect(news.map(({ line, before }) => [line.name, before?.state, line.state])).to.deep.equal([
      ['a', undefined, 'queued'],
      ['a', 'queued', 'passed'],
      ['c', undefined, 'failed'],
    ]);
  });

  it('shows what the table of the API server tells while its Trials are still on their way', async () => {
    write(rewarded(1, { name: 'a' }));
    write(active('Running', { name: 'b' }));
    server.faults.add({ on: ({ watch }) => watch, fault: { kind: 'stall' } });
    const { view, news } = follow({ preview: true });
    await until('the table is shown', () => [...view.trials()].length === 2);
    expect(view.summary(new Date()).counts).to.include({ passed: 1, running: 1 });
    expect([view.size, view.over, news.length]).to.deep.equal([0, false, 0]);
    stop.abort(new Error('nobody looks any more'));
    await until('the table is gone', () => [...view.trials()].length === 0);
  });

  it('shows nothing of a table that comes after the Trials', async () => {
    write(rewarded(1, { name: 'a' }));
    const isTable: Parameters<typeof server.faults.add>[0]['on'] = ({ query }) => query.has('includeObject');
    server.faults.add({ on: isTable, fault: { kind: 'slow', ms: 300 } });
    const { view, following } = follow({ preview: true });
    await following.whenOver();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect([...view.trials()].map(({ name }) => name)).to.deep.equal(['a']);
  });

  it('goes on where a dropped connection left off', async () => {
    write(active('Running', { name: 'a' }));
    const { view, following } = follow();
    await following.whenSynced();
    server.dropConnections();
    write(rewarded(1, { name: 'a' }));
    await following.whenOver();
    expect(view.get('a', 'default')?.reward).to.equal(1);
  });

  it('takes in what happened while history was forgotten, deletions included', async () => {
    for (const name of ['a', 'b']) write(active('Running', { name }));
    const { view, following } = follow();
    await following.whenSynced();
    server.faults.add({ on: ({ watch }) => watch, fault: { kind: 'status', status: 503 }, times: 3 });
    server.dropConnections();
    write(rewarded(1, { name: 'a' }));
    trials().delete('default', 'b');
    server.compact();
    await following.whenOver();
    expect(view.summary(new Date()).counts).to.include({ passed: 1, cancelled: 1 });
  });

  it('says when the connection is lost for longer, and when it is back', async () => {
    write(active('Running', { name: 'a' }));
    const said: boolean[] = [];
    const { following } = follow({ onConnection: ({ connected }) => said.push(connected) });
    await following.whenSynced();
    server.faults.add({ on: ({ watch }) => watch, fault: { kind: 'drop' }, times: 4 });
    server.dropConnections();
    await until('the loss is told', () => said.length > 0);
    write(rewarded(1, { name: 'a' }));
    await following.whenOver();
    expect(said).to.deep.equal([false, true]);
  });

  it('waits for an API server that restarts just when it begins', async () => {
    write(rewarded(1, { name: 'a' }));
    server.faults.add({ on: ({ watch }) => !watch, fault: { kind: 'drop' }, times: 8 });
    const { view, following } = follow();
    await following.whenOver();
    expect(view.get('a', 'default')?.reward).to.equal(1);
  });

  it('does not wait for Trials that turn out never to come', async () => {
    write(rewarded(1, { name: 'a' }));
    const { view, following } = follow({ expected: 2 });
    await following.whenSynced();
    view.expect(1);
    await following.whenOver();
  });

  it('rejects at once with what the API server refuses', async () => {
    server.faults.add({ fault: { kind: 'status', status: 403, reason: 'Forbidden' } });
    const { following } = follow();
    const error = await following.whenOver().then(
      () => expect.fail('it resolved'),
      (reason: { status?: number }) => reason,
    );
    expect(error.status).to.equal(403);
  });

  it('ends with the reason of its signal', async () => {
    write(active('Running'));
    const { following } = follow();
    await following.whenSynced();
    const over = following.whenOver();
    stop.abort(new Error('Ctrl-C'));
    const error = await over.then(
      () => expect.fail('it resolved'),
      (reason: Error) => reason,
    );
    expect(error.message).to.equal('Ctrl-C');
  });

  it('keeps nothing of scripts and variables', async () => {
    write(inRun({ name: 'a', agent: { name: 'custom', install: 'x'.repeat(10_000), run: 'y' } }));
    const { news, following } = follow();
    await following.whenSynced();
    expect(JSON.stringify(news[0]?.trial)).to.have.length.below(2000);
  });
});

const told = ({ name, task, agent, model, state, reason, reward, attempts, node }: TrialLine) => ({
  name,
  task,
  agent,
  model,
  state,
  reason,
  reward,
  attempts,
  node,
});

describe('A row of the table of Trials', () => {
  it('tells the state, the reward and the place as the Trial itself does', async () => {
    const server = await ApiServer.start();
    const kube = connectTo(server);
    const all = [
      rewarded(1, { name: 'a', agent: { model: 'org/m' } }),
      rewarded(0, { name: 'b', status: { attempts: [{ number: 1, jobName: 'j', nodeName: 'n' }] } }),
      broken('NodeLost', { name: 'c' }),
      broken('Cancelled', { name: 'd' }),
      active('Unschedulable', { name: 'e' }),
      inRun({ name: 'f' }),
    ];
    for (const trial of all)
      server.collection(TrialKind).objects.set(`default/${trial.metadata.name}`, trial);
    const rows = await trialRows({ transport: kube.transport, namespace: 'default' });
    await kube.close();
    await server.close();
    const now = after(60);
    expect(rows.map((row) => told(lineOfRow(row, { namespace: 'default', now })))).to.deep.equal(
      all.map((trial) => told(lineOf(trial))),
    );
  });

  it('is as old as Kubernetes says', () => {
    const ages = ['45s', '3m20s', '5h', '2d5h', '1y10d', '<unknown>'].map((text) => ageMs(text) / 1000);
    expect(ages).to.deep.equal([45, 200, 18_000, 190_800, 32_400_000, 0]);
  });
});

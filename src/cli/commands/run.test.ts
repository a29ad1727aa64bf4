import { expect } from 'chai';
import { active, broken, collected, rewarded, RUN } from '../../../test/support/builders/run-trials.ts';
import { testCluster, type TestCluster } from '../../../test/support/client/cluster.ts';

describe('Commands on runs and Trials', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await testCluster();
    cluster.have(
      rewarded(1, { name: 'a' }),
      broken('NodeLost', { name: 'b' }),
      active('Unschedulable', { name: 'c', message: '2 Insufficient cpu.' }),
    );
  });
  afterEach(() => cluster.close());

  const sb: TestCluster['sb'] = (...args) => cluster.sb(...args);

  it('list and show, with the latest run where none is named', async () => {
    expect(await sb('run', 'ls', '-o', 'name')).to.deep.equal({ exit: 0, out: `${RUN}\n`, err: '' });
    expect((await sb('run', 'show')).out)
      .to.include(`run ${RUN}: 2/3 ended`)
      .and.to.include('1 trial: NodeLost');
    expect((await sb('run', 'show', 'demo', '--state', 'lost', '-o', 'name')).out).to.equal('b\n');
    expect((await sb('trial', 'show', 'a')).out).to.match(/^Reward +1$/m);
    expect(JSON.parse((await sb('trial', 'show', 'b', '-o', 'json')).out)).to.include({
      trial: 'b',
      state: 'lost',
    });
  });

  it('warn of a nop that earned a reward', async () => {
    expect((await sb('run', 'show')).err).to.equal('');
    cluster.have(rewarded(1, { name: 'n', agent: { name: 'nop' } }));
    const { out, err } = await sb('run', 'show', '-o', 'json');
    expect(err).to.include('nop').and.include('earned a reward: the tests of task-n give it');
    expect(JSON.parse(out)).to.have.property('trials').with.length(4);
  });

  it('explain, rerun, cancel and delete', async () => {
    expect((await sb('trial', 'explain', 'c')).out)
      .to.include('c pending:')
      .and.to.include('no node had room');
    expect((await sb('run', 'rerun', '--only', 'infra', '-o', 'name')).out).to.equal(`${RUN}-r1\n`);
    expect(await sb('trial', 'cancel', 'c', '-y')).to.include({
      exit: 0,
      err: 'Trial c is being cancelled; its Pod stores what there is, up to 45 s\n',
    });
    expect((await sb('run', 'cancel', RUN, '--yes')).err).to.include('no Trial is left');
    const deleted = await sb('run', 'delete', RUN, '--yes');
    expect(deleted.err).to.include('3 Trials deleted; the files stay at s3://b/trials/');
    expect((await sb('run', 'ls', '-o', 'name')).out).to.equal(`${RUN}-r1\n`);
  });

  it('regrade a run or a Trial', async () => {
    cluster.have(collected(0, { name: 'd' }));
    const { err, out } = await sb('run', 'regrade', '--detach');
    expect(out).to.equal(`${RUN}-g1\n`);
    expect(err)
      .to.include(`run ${RUN}-g1 regrades ${RUN}: 1 Trial created; 3 of ${RUN} cannot be regraded`)
      .and.to.include(`to watch it: sb run attach ${RUN}-g1`);
    expect((await sb('trial', 'regrade', 'd', '--separate-verifier', '--detach')).out).to.equal(
      `${RUN}-g2\n`,
    );
    expect(await sb('trial', 'regrade', 'a', '--detach')).to.include({ exit: 2, out: '' });
  });

  it('end with the exit code of their failure', async () => {
    expect(await sb('run', 'show', 'nothing')).to.include({ exit: 2, out: '' });
    expect((await sb('run', 'delete', 'demo')).err).to.include('SB-E094');
    expect((await sb('run', 'show', '--state', 'odd')).err)
      .to.include('SB-E001')
      .and.to.include('queued, building');
    expect((await sb('trial', 'logs', 'c', '--tail', 'x')).exit).to.equal(2);
    expect((await sb('trial', 'debug', 'b')).err).to.include('SB-E095');
  });
});

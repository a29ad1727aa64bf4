import { expect } from 'chai';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import { trialPrefix } from '../../src/results/keys.ts';
import type { Pod } from '../../src/kube/kinds.ts';
import { kubectl } from '../support/cluster.ts';
import { brokerOf, tokenOf, type Answer, type Broker } from './support/broker.ts';
import { operatorPods } from './support/faults.ts';
import { hold } from './support/story.ts';
import { storedText } from './support/stored.ts';
import { ownTrial, trial } from './support/stories.ts';
import { rewardIf } from './support/task.ts';

// Everything that a process can read of itself, its neighbours and its mounts, as root and with the tests already there.
const SNOOP = [
  'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n" > /tmp/seen',
  'cat /proc/self/mountinfo >> /tmp/seen',
  'find /sb -type f ! -name sbd -exec cat {} + >> /tmp/seen 2>/dev/null',
  'find / -xdev -path /proc -prune -o -path "*/secrets/*" -print >> /tmp/seen',
  'ls /var/run/secrets /run/secrets >> /tmp/seen 2>/dev/null',
  // In the pattern a bracket keeps it from finding itself in a command line.
  'grep -a -i -E "[X]-Amz-|[s]b-broker|[S]B_BROKER|[s]erviceaccount|[e]yJhbGci|AWS[_]" /tmp/seen > /logs/agent/found || true',
].join('\n');

describe('the task container', () => {
  const snooping = trial('secrecy', {
    agent: SNOOP,
    tests: `${SNOOP}\n${rewardIf('[ ! -s /logs/agent/found ]')}`,
  });

  it('sees no ServiceAccount token, no presigned URL and no operator address', async () => {
    const done = await snooping.done();
    expect(await storedText(done, 'agent/found')).to.equal('');
    await snooping.earns(1);
  });
});

describe('the broker', () => {
  const mine = ownTrial('broker-mine', { agent: hold('broker') });
  const other = ownTrial('broker-other', { agent: hold('broker') });
  let pods: Pod[] = [];
  let broker: Broker;

  before(async function () {
    this.timeout(180_000);
    const replica = (await operatorPods())[0];
    if (!replica) throw new Error('no operator runs');
    pods = await Promise.all([mine.reaches('broker'), other.reaches('broker')]);
    broker = await brokerOf(replica);
  });
  after(async () => {
    await broker?.[Symbol.asyncDispose]();
    await other.release('broker');
  });

  const assignment = (token?: string): Promise<Answer> =>
    broker.ask({ path: '/v1/assignment', ...(token !== undefined && { token }) });
  const minePod = (): Pod => pods[0] as Pod;
  const upload = async (path: string): Promise<Answer> =>
    broker.ask({
      path: '/v1/uploads',
      token: await tokenOf(minePod()),
      body: { files: [{ path, size: 1, sha256: '0'.repeat(64) }] },
    });

  it('gives a Pod the assignment of its own Trial', async () => {
    const [first, second] = await Promise.all(pods.map(async (pod) => assignment(await tokenOf(pod))));
    expect(first?.status).to.equal(200);
    expect(first?.body).to.have.nested.property('trial.name', 'broker-mine');
    expect(second?.body).to.have.nested.property('trial.name', 'broker-other');
  });

  it('gives URLs under the Trial’s own prefix alone, good for 15 minutes at most', async () => {
    const { status, body } = await upload('agent/file.txt');
    expect(status).to.equal(200);
    const { url = '' } = (body as { uploads: { url: string }[] }).uploads[0] ?? {};
    const parsed = new URL(url);
    expect(parsed.pathname).to.contain(`/${mine.seen && trialPrefix(mine.seen)}agent/file.txt`);
    expect(Number(parsed.searchParams.get('X-Amz-Expires'))).to.be.within(1, 900);
  });

  it('refuses every path that leaves it, and those that are the operator’s', async () => {
    const otherPrefix = other.seen ? trialPrefix(other.seen) : '';
    const paths = [
      `../../../${otherPrefix}agent/file.txt`,
      'agent/../../other',
      `/${otherPrefix}agent/file.txt`,
      'agent//../x',
      'result.json',
      'config.json',
      'elsewhere/file.txt',
    ];
    for (const path of paths) expect((await upload(path)).status, path).to.be.within(400, 499);
  });

  it('refuses a request without a token, and a token that is none', async () => {
    expect((await assignment()).status).to.equal(401);
    expect((await assignment('not.a.token')).status).to.equal(401);
  });

  it('refuses a token of another audience', async () => {
    expect((await assignment(await tokenOf(minePod(), 'https://kubernetes.default.svc'))).status).to.equal(
      401,
    );
  });

  it('gets no token that belongs to no Pod, or to a Pod that is no Trial’s: nobody can have one', async () => {
    const [replica] = await operatorPods();
    if (!replica) throw new Error('no operator runs');
    const { namespace = '', name, uid = '' } = replica.metadata;
    const bound = ['--bound-object-kind=Pod', `--bound-object-name=${name}`, `--bound-object-uid=${uid}`];
    for (const of of [
      ['default', '-n', mine.key.namespace],
      ['sb-operator', '-n', namespace, ...bound],
    ]) {
      const { code, stderr } = await kubectl(['create', 'token', ...of, '--audience=sb-broker']);
      expect(code).not.to.equal(0);
      expect(stderr).to.contain('for the kubelet alone');
    }
  });

  it('serves at every replica', async () => {
    const replicas = await operatorPods();
    expect(replicas).to.have.lengthOf(2);
    const token = await tokenOf(minePod());
    for (const replica of replicas) {
      await using one = await brokerOf(replica);
      const { status } = await one.ask({ path: '/v1/assignment', token });
      expect(status, replica.metadata.name).to.equal(200);
    }
  });

  it('mounts the token into the courier alone', async () => {
    const find = ['find', '/', '-xdev', '-name', 'token', '-not', '-path', '/proc/*'];
    expect(await mine.exec(minePod().metadata.name, find)).not.to.contain('sb-broker');
    const { spec } = minePod();
    const mounts = spec?.containers.find(({ name }) => name === CONTAINERS.task)?.volumeMounts ?? [];
    expect(mounts.map(({ mountPath }) => mountPath).sort()).to.deep.equal(['/logs', '/sb']);
  });

  it('refuses the token of a Pod that was deleted', async () => {
    const token = await tokenOf(minePod());
    expect((await assignment(token)).status).to.equal(200);
    await mine.deleted();
    expect((await assignment(token)).status).to.be.oneOf([401, 403]);
  });
});

import { expect } from 'chai';
import { X509Certificate } from 'node:crypto';
import { afterAttempts, trialJob, trialPod, trialWith } from '../../../test/support/broker/objects.ts';
import { closed, received, SandboxWorld } from '../../../test/support/broker/sandbox-world.ts';
import type { Condition } from '../../crds/conditions.ts';
import type { Trial } from '../../crds/trial.ts';
import { Job, Pod } from '../../kube/kinds.ts';
import { courierName, TRIAL_CERTIFICATE_ROUTE } from '../../wire/sandbox/names.ts';

const NAME = courierName({ resource: 'trials', ownerUid: '0a1b2c3d-trial', podUid: 'pod-uid' });

const condition = (type: string, status: Condition['status'], reason: string): Condition => ({
  type,
  status,
  reason,
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

/** One that runs, unless it says otherwise. */
function running(spec: Partial<Trial['spec']> = {}, ...others: Condition[]): Trial {
  const trial = afterAttempts(trialWith(spec), 1);
  return {
    ...trial,
    status: {
      ...trial.status,
      conditions: [condition('Started', 'True', 'PodStarted'), ...others],
      jobName: 'solve-1',
      podName: 'solve-1-x7k2p',
    },
  };
}

describe('a Trial that somebody enters', () => {
  let world: SandboxWorld;
  let trial: Trial;
  beforeEach(async () => {
    world = new SandboxWorld();
    await world.start();
    world.stopCourier();
    await world.startCourier(NAME);
    trial = running();
    world.trials.put(trial);
    world.jobs.put(trialJob(trial));
    world.pods.put({ ...trialPod(trial), status: { phase: 'Running', podIP: '127.0.0.1' } });
    world.rules.set('jane', ['trials:evals/solve']);
  });
  afterEach(() => world.close());

  const refusal = async (asked: object = {}): Promise<unknown[]> => {
    const { status, json } = await world.session({ trial, ...asked });
    return [status, json['reason'], json['error']];
  };

  it('is entered by the broker’s way, which tells its courier who comes', async () => {
    const socket = await world.dial({ trial });
    const back = received(socket, 5);
    socket.send(Buffer.from('hello'));
    expect((await back).toString()).to.equal('hello');
    expect(world.heard[0]?.preface).to.deep.equal({ caller: 'jane' });
    expect((await world.courier()).servername).to.equal(NAME);
  });

  it('lets in nobody without create on trials/exec: a right on Sandboxes is none, nor is one on other Trials', async () => {
    for (const rule of ['evals/*', 'trials:evals/other', 'trials:default/*']) {
      world.users.set('joe-token', { username: `joe ${rule}`, groups: ['system:authenticated'] });
      world.rules.set(`joe ${rule}`, [rule]);
      const [status, reason, error] = await refusal({ body: { token: 'joe-token' } });
      expect([status, reason], rule).to.deep.equal([403, 'NotAllowed']);
      expect(error)
        .to.include('has no rule in namespace evals for create on trials/exec (sb.abundant.ai)')
        .and.include('kubectl create rolebinding sb-edit-trials -n evals --clusterrole=sb-edit');
    }
  });

  it('lets nobody into Sandboxes by a right on Trials', async () => {
    world.rules.set('jane', ['trials:evals/*']);
    expect((await world.session()).json).to.include({ reason: 'NotAllowed' });
  });

  it('takes no session token of a Sandbox of its name, and no Sandbox takes one of a Trial', async () => {
    world.rules.set('jane', ['evals/*', 'trials:evals/*']);
    const box = { ...world.box, metadata: { ...world.box.metadata, name: 'solve', uid: '0a1b2c3d-trial' } };
    world.run(box);
    const ofTrial = await world.sessionToken({ trial });
    const ofSandbox = await world.sessionToken({ sandbox: box });
    expect(await world.refusal({ trial, token: ofSandbox })).to.deep.equal([403, 'OtherSandbox']);
    expect(await world.refusal({ sandbox: box, token: ofTrial })).to.deep.equal([403, 'OtherSandbox']);
  });

  it('says why there is nothing to enter', async () => {
    const deleted = running();
    deleted.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    const cases: [Trial, string, RegExp][] = [
      [running({ regrade: { trial: 'first' } }), 'Stopped', /it is a regrade/],
      [running({}, condition('Succeeded', 'True', 'Rewarded')), 'Stopped', /it has ended: Rewarded/],
      [{ ...running(), status: {} }, 'NotReady', /it has not started/],
      [deleted, 'Stopped', /it is being deleted/],
    ];
    for (const [other, reason, why] of cases) {
      world.trials.put(other);
      const [status, told, error] = await refusal();
      expect([status, told]).to.deep.equal([409, reason]);
      expect(error).to.match(why);
    }
    world.rules.set('jane', ['trials:evals/*']);
    expect(
      (await refusal({ trial: { ...trial, metadata: { ...trial.metadata, name: 'none' } } })).slice(0, 2),
    ).to.deep.equal([404, 'NoSuchTrial']);
  });

  it('is none whose Pod is another than its Job says, or that was made again meanwhile', async () => {
    const token = await world.sessionToken({ trial });
    const pod = trialPod(trial);
    const guest = { name: 'guest', image: 'debian' };
    world.pods.put({
      ...pod,
      spec: { ...pod.spec!, ephemeralContainers: [guest] },
      status: { phase: 'Running', podIP: '127.0.0.1' },
    });
    expect(await world.refusal({ trial, token })).to.deep.equal([403, 'AlteredPod']);
    world.trials.put({ ...trial, metadata: { ...trial.metadata, uid: 'another' } });
    expect(await world.refusal({ trial, token })).to.deep.equal([403, 'TrialEnded']);
  });

  describe('through a replica that stands by, which keeps no Jobs and Pods of Trials', () => {
    const pod = { ...trialPod(trialWith()), status: { phase: 'Running', podIP: '127.0.0.1' } };
    beforeEach(() => {
      for (const cache of [world.jobs, world.pods]) {
        cache.synced = false;
        for (const { metadata } of cache.list())
          cache.remove({ namespace: metadata.namespace ?? '', name: metadata.name });
      }
      world.cluster.put(Job, trialJob(trial));
      world.cluster.put(Pod, pod);
    });

    it('is entered all the same', async () => {
      const socket = await world.dial({ trial });
      const back = received(socket, 5);
      socket.send(Buffer.from('hello'));
      expect((await back).toString()).to.equal('hello');
    });

    it('is none whose Pod is another than its Job says, or of another Job', async () => {
      const token = await world.sessionToken({ trial });
      const ephemeralContainers = [{ name: 'guest', image: 'debian' }];
      world.cluster.put(Pod, { ...pod, spec: { ...pod.spec!, ephemeralContainers } });
      expect(await world.refusal({ trial, token })).to.deep.equal([403, 'AlteredPod']);
      world.cluster.put(Pod, { ...pod, metadata: { ...pod.metadata, ownerReferences: [] } });
      expect(await world.refusal({ trial, token })).to.deep.equal([409, 'NotReady']);
    });

    it('costs the API server so much and no more, however often somebody connects', async () => {
      const token = await world.sessionToken({ trial });
      world.now = () => new Date('2026-01-01T00:00:00Z');
      const before = world.cluster.calls.length;
      world.cluster.put(Pod, { ...pod, metadata: { ...pod.metadata, ownerReferences: [] } });
      const refusals = [];
      for (let tries = 0; tries < 20; tries++) refusals.push(await world.refusal({ trial, token }));
      expect(refusals.filter(([, reason]) => reason === 'Busy')).to.have.length(15);
      expect(world.cluster.calls.length - before).to.equal(10);
    });
  });

  it('is left when its attempt is over', async () => {
    const socket = await world.dial({ trial });
    await world.courier();
    world.trials.put(running({}, condition('Succeeded', 'True', 'Rewarded')));
    (await world.courier()).destroy();
    expect(await closed(socket)).to.deep.equal([4002, 'SandboxEnded']);
  });

  it('has a courier whose certificate names Trial and Pod, and is none of a Sandbox', async () => {
    const token = await world.podToken(trialPod(trial));
    const { status, json } = await world.ask('POST', TRIAL_CERTIFICATE_ROUTE, token);
    expect(status).to.equal(200);
    expect(new X509Certificate(json['cert'] as string).subjectAltName).to.equal(`DNS:${NAME}`);
    const box = await world.podToken(world.run(world.box).pod);
    expect((await world.ask('POST', TRIAL_CERTIFICATE_ROUTE, box)).status).to.equal(403);
  });

  it('is counted apart from Sandboxes', async () => {
    await world.dial({ trial });
    expect(await world.registry.metrics()).to.include('GET /v1/namespaces/…/trials/…/connect');
  });
});

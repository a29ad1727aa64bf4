import { expect } from 'chai';
import { X509Certificate } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { IMAGE, sandboxJob, sandboxPod, sandboxWith } from '../../../test/support/broker/objects.ts';
import { SandboxWorld } from '../../../test/support/broker/sandbox-world.ts';
import { until } from '../../../test/support/kube.ts';
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import { LABEL } from '../../crds/names.ts';
import { Job, Pod } from '../../kube/kinds.ts';
import { courierName, SANDBOX_ROUTES } from '../../wire/sandbox/names.ts';

const { assignment, certificate } = SANDBOX_ROUTES;

describe('courier of a Sandbox', () => {
  let world: SandboxWorld;
  let token: string;
  beforeEach(async () => {
    world = new SandboxWorld();
    await world.start();
    token = await world.podToken(world.run(world.box).pod);
  });
  afterEach(() => world.close());

  const ask = (path: string = assignment, as = token) => world.ask('GET', path, as);
  const refusal = async (as = token): Promise<unknown> => {
    const { status, json } = await ask(assignment, as);
    return [status, json['error']];
  };

  it('gets what its Sandbox is to be, without the values of Secrets', async () => {
    const env = [
      { name: 'PLAIN', value: 'yes' },
      { name: 'SECRET', secretKeyRef: { name: 's', key: 'k' } },
    ];
    world.sandboxes.put(
      sandboxWith({ spec: { env, user: '1000', workdir: '/src', idleTimeoutSeconds: 60 } }),
    );
    world.cluster.calls.length = 0;
    expect(await ask()).to.deep.include({
      status: 200,
      json: {
        kind: 'sandbox',
        namespace: 'evals',
        name: 'box',
        uid: 'box-uid',
        image: IMAGE,
        env: { PLAIN: 'yes' },
        user: '1000',
        workdir: '/src',
        idleTimeoutSeconds: 60,
        network: { mode: 'Public', enforcement: 'BestEffort', probePort: 9, variables: [] },
      },
    });
    expect(world.cluster.calls.filter((call) => !call.startsWith('raw'))).to.deep.equal([]);
  });

  it('is found at the API server where the caches do not have it yet', async () => {
    const early = sandboxWith({ name: 'early' });
    const job = sandboxJob(early);
    const pod = sandboxPod(job);
    world.cluster.put(SandboxKind, early);
    world.cluster.put(Job, job);
    world.cluster.put(Pod, pod);
    expect((await ask(assignment, await world.podToken(pod))).json).to.include({ name: 'early' });
  });

  it('gets a certificate for its own name, and who may call it', async () => {
    const { status, json } = await world.ask('POST', certificate, token);
    expect(status).to.equal(200);
    const name = courierName({ ownerUid: 'box-uid', podUid: 'box-s1-x7k2p-uid' });
    const leaf = new X509Certificate(json['cert'] as string);
    expect(leaf.subjectAltName).to.equal(`DNS:${name}`);
    expect(leaf.verify(new X509Certificate(json['ca'] as string).publicKey)).to.equal(true);
    expect(Date.parse(json['notAfter'] as string)).to.be.greaterThan(Date.now() + 23 * 3_600_000);
    const shown = new X509Certificate(world.certificate.current().cert);
    expect(shown.checkHost(json['brokerName'] as string)).to.equal(json['brokerName']);
  });

  it('is nobody once the Sandbox is deleted, suspended, made again, or in another attempt', async () => {
    const deleted = sandboxWith();
    deleted.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    world.sandboxes.put(deleted);
    expect(await refusal()).to.deep.equal([403, 'Sandbox evals/box is being deleted']);
    world.sandboxes.put(sandboxWith({ spec: { operatingMode: 'Suspended' } }));
    expect(await refusal()).to.deep.equal([403, 'Sandbox evals/box is suspended']);
    const attempts = [
      { number: 1, jobName: 'box-s1' },
      { number: 2, jobName: 'box-s2' },
    ];
    world.sandboxes.put(sandboxWith({ status: { attempts } }));
    expect(await refusal()).to.deep.equal([403, 'attempt 1 was followed by attempt 2']);
    const ended = [
      { number: 1, jobName: 'box-s1', completionTime: '2026-01-01T00:00:00Z', reason: 'Evicted' },
    ];
    world.sandboxes.put(sandboxWith({ status: { attempts: ended } }));
    expect(await refusal()).to.deep.equal([403, 'attempt 1 ended at 2026-01-01T00:00:00Z: Evicted']);
    world.sandboxes.put(sandboxWith({ uid: 'again-uid' }));
    expect(await refusal()).to.deep.equal([403, 'no Sandbox has a Job with the Pod evals/box-s1-x7k2p']);
    expect((await world.ask('POST', certificate, token)).status).to.equal(403);
  });

  it('is nobody in a Pod that somebody forged, or whose Job has no label of ours', async () => {
    const { job, pod } = world.run(world.box);
    const [courier] = pod.spec?.initContainers ?? [];
    const initContainers = courier ? [{ ...courier, image: 'evil' }] : [];
    world.sandboxPods.put({ ...pod, spec: { containers: [], ...pod.spec, initContainers } });
    expect((await ask()).json['error']).to.match(/image of init container courier differs$/);
    world.sandboxPods.put(pod);
    world.sandboxJobs.put({ ...job, metadata: { ...job.metadata, labels: {} } });
    expect(await refusal()).to.deep.equal([403, 'this Pod does not run a Sandbox of this operator']);
  });

  describe('in a pool', () => {
    const pool = sandboxWith({ name: 'pool', spec: { pool: { size: 2 }, user: '1000', workdir: '/src' } });
    const taker = sandboxWith({
      name: 'taker',
      spec: { poolRef: { name: 'pool' }, env: [{ name: 'A', value: '1' }], workdir: '/own' },
    });
    let own: string;
    let pod: Pod;
    beforeEach(async () => {
      ({ pod } = world.run(pool));
      own = await world.podToken(pod);
    });

    it('is told so, and gets no certificate before a Sandbox has taken it', async () => {
      expect((await ask(assignment, own)).json).to.have.property('kind', 'pooled');
      expect((await world.ask('POST', certificate, own)).status).to.equal(409);
    });

    it('learns of the Sandbox that takes it at once, and asks the API server nothing meanwhile', async () => {
      await ask(assignment, own);
      world.cluster.calls.length = 0;
      const asked = ask(`${assignment}?wait=30`, own).then((answer) => ({ answer, at: performance.now() }));
      await wait(400);
      const takenAt = performance.now();
      world.sandboxes.put(taker);
      world.sandboxJobs.put(sandboxJob(pool, { taken: taker }));
      const { answer, at } = await asked;
      expect(at - takenAt).to.be.lessThan(500);
      expect(answer.json).to.deep.include({
        kind: 'sandbox',
        name: 'taker',
        uid: 'taker-uid',
        env: { A: '1' },
        user: '1000',
        workdir: '/own',
      });
      expect(world.cluster.calls).to.deep.equal([]);
      const { json } = await world.ask('POST', certificate, own);
      const name = courierName({ ownerUid: 'taker-uid', podUid: pod.metadata.uid ?? '' });
      expect(new X509Certificate(json['cert'] as string).subjectAltName).to.equal(`DNS:${name}`);
    });

    it('gets its certificate also from a replica that learns later than it that it was taken', async () => {
      const asked = world.ask('POST', certificate, own);
      let looks = 0;
      const get = world.sandboxJobs.get.bind(world.sandboxJobs);
      world.sandboxJobs.get = (key) => {
        looks += 1;
        return get(key);
      };
      await until('it waits there', () => looks > 1);
      world.sandboxes.put(taker);
      world.sandboxJobs.put(sandboxJob(pool, { taken: taker }));
      expect((await asked).status).to.equal(200);
    });

    it('has the broker get ready for its certificate while it waits, not when somebody waits for it', async () => {
      let prepared = 0;
      world.certificate.prepareCouriers = async () => void (prepared += 1);
      await ask();
      expect(prepared).to.equal(0);
      await ask(assignment, own);
      expect(prepared).to.equal(1);
    });

    it('keeps user and directory of the pool it is from, though the pool is gone', async () => {
      const plain = sandboxWith({ name: 'plain', spec: { poolRef: { name: 'pool' } } });
      world.sandboxes.put(plain);
      world.sandboxJobs.put(sandboxJob(pool, { taken: plain }));
      world.sandboxes.remove({ namespace: 'evals', name: 'pool' });
      const { json } = await ask(assignment, own);
      expect(json).to.include({ kind: 'sandbox', name: 'plain', user: '1000', workdir: '/src' });
    });

    it('learns of the network that it was made with, though the pool is gone; the list stays here', async () => {
      const network = {
        mode: 'Allowlist' as const,
        allowedHosts: ['a.test'],
        enforcement: 'Required' as const,
      };
      const listed = sandboxWith({ name: 'listed', spec: { pool: { size: 1 }, network } });
      const plain = sandboxWith({ name: 'plain', spec: { poolRef: { name: 'listed' } } });
      const { job, pod: waiting } = world.run(listed);
      const as = await world.podToken(waiting);
      const said = { mode: 'Allowlist', enforcement: 'Required', probePort: 9, variables: [] };
      expect((await ask(assignment, as)).json['network']).to.deep.equal(said);
      world.sandboxes.put(plain);
      world.sandboxJobs.put(sandboxJob(listed, { taken: plain }));
      world.sandboxes.remove({ namespace: 'evals', name: job.metadata.labels?.[LABEL.pool] ?? '' });
      expect((await ask(assignment, as)).json).to.deep.include({ name: 'plain', network: said });
    });

    it('may ask again after a second where it does not wait longer, and does not keep a broker that closes', async () => {
      const began = performance.now();
      expect((await ask(`${assignment}?wait=1`, own)).json).to.have.property('kind', 'pooled');
      expect(performance.now() - began).to.be.within(950, 20_000);
      expect((await ask(`${assignment}?wait=soon`, own)).status).to.equal(400);
      const get = world.sandboxJobs.get.bind(world.sandboxJobs);
      let looks = 0;
      world.sandboxJobs.get = (key) => {
        looks += 1;
        return get(key);
      };
      const waiting = ask(`${assignment}?wait=30`, own);
      await until('the courier waits', () => looks > 1);
      const closing = performance.now();
      await world.broker.close();
      expect((await waiting).json).to.have.property('kind', 'pooled');
      expect(performance.now() - closing).to.be.lessThan(15_000);
    });
  });
});

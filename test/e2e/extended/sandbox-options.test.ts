import { expect } from 'chai';
import { createSandbox, type Session } from '../../../src/client/index.ts';
import type { SandboxEnvironment } from '../../../src/client/sandbox/environment.ts';
import { ConfigMap } from '../../../src/kube/kinds.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { evict, WORKER } from '../support/faults.ts';
import { becomes, LITTLE, podOf, seen, small, userSession } from '../support/sandboxes.ts';
import { ownTrial } from '../support/stories.ts';
import { reward } from '../support/task.ts';
import { world } from '../support/world.ts';

const secondsSince = (at: number): number => (Date.now() - at) / 1000;

describe('a Sandbox', function () {
  this.timeout(240_000);
  let session: Session;
  before(() => (session = userSession()));
  after(() => session.close());

  const isGone = (name: string): Promise<true> =>
    eventually(`${name} is deleted`, async () => ((await seen(name)) ? undefined : true), 60);

  it('has the image that it is built from, and another that names the build has the same', async () => {
    const { kube, namespace } = world();
    await kube.create(ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name: 'built-context' },
      data: { Dockerfile: 'FROM debian:bookworm-slim\nRUN echo built > /from-build' },
    });
    const context = { configMap: { name: 'built-context' } };
    const build = { context, dockerfile: 'Dockerfile', timeoutSeconds: 600, queueTimeoutSeconds: 600 };
    const common = { executionBackend: 'kubernetes', resources: LITTLE } as const;
    const says = async (sandbox: SandboxEnvironment): Promise<string> =>
      (await sandbox.runCommand('cat /from-build')).stdout;
    await using built = createSandbox(session, { ...common, build, name: 'built' });
    expect(await says(built)).to.equal('built\n');
    const { taskBuild = '', imageDigest } = (await seen('built'))?.status ?? {};
    await using same = createSandbox(session, {
      ...common,
      buildRef: { name: taskBuild },
      name: 'built-too',
    });
    expect(await says(same)).to.equal('built\n');
    expect((await seen('built-too'))?.status).to.include({ imageDigest });
  });

  it('gives its commands what a Secret holds', async () => {
    const { namespace } = world();
    const create = ['create', 'secret', 'generic', 'of-options', '-n', namespace];
    await kubectlOk([...create, '--from-literal=key=from-secret']);
    await using sandbox = small(session, 'secretive', {
      env: { PLAIN: 'plain', KEY: { secret: 'of-options', key: 'key' } },
    });
    expect((await sandbox.runCommand('echo $PLAIN $KEY')).stdout).to.equal('plain from-secret\n');
  });

  it('reaches nothing where its network is None', async () => {
    const service = ['get', 'service', 'kubernetes', '-n', 'default', '-o', 'jsonpath={.spec.clusterIP}'];
    const apiServer = await kubectlOk(service);
    const connects = `timeout 3 bash -c '< /dev/tcp/${apiServer}/443' 2> /dev/null && echo open || echo closed`;
    await using shut = small(session, 'shut', { network: { mode: 'None', enforcement: 'Required' } });
    expect((await shut.runCommand(connects)).stdout).to.equal('closed\n');
  });

  it('runs where the namespace enforces restricted if its one user is not root, and says why it does not otherwise', async () => {
    const namespace = await world().makeNamespace();
    await kubectlOk(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted']);
    const there = userSession(namespace);
    try {
      await using sandbox = small(there, 'modest', { user: '1000', allowPrivilegeEscalation: false });
      expect((await sandbox.runCommand('id -u')).stdout).to.equal('1000\n');
      await using root = small(there, 'proud');
      await root.create();
      const { status } = await becomes('proud', 'JobRejected', { namespace });
      expect(status?.conditions?.[0]?.message).to.contain('Set allowPrivilegeEscalation to false');
    } finally {
      await there.close();
    }
  });

  it('is on the node that its scheduling names, and is found by its owner', async () => {
    await using sandbox = small(session, 'placed', {
      owner: 'nightly-fixes',
      scheduling: { nodeSelector: { 'kubernetes.io/hostname': WORKER } },
    });
    await sandbox.init();
    expect((await seen('placed'))?.status?.nodeName).to.equal(WORKER);
    const mine = ['get', 'sandboxes', '-n', world().namespace, '--field-selector=spec.owner=nightly-fixes'];
    expect((await kubectlOk([...mine, '-o', 'name'])).trim()).to.equal('sandbox.sb.abundant.ai/placed');
  });

  it('runs beside a Trial of its name', async () => {
    await using sandbox = small(session, 'namesake');
    expect((await sandbox.runCommand('echo alive')).stdout).to.equal('alive\n');
    await ownTrial('namesake', { tests: reward(1) }).earns(1);
    expect((await sandbox.runCommand('echo alive')).stdout).to.equal('alive\n');
  });

  it('ends at the deadline that it was moved to, and not at the one before', async () => {
    const sandbox = small(session, 'timed', { deadline: new Date(Date.now() + 120_000).toISOString() });
    await sandbox.runCommand('true');
    const until = Math.ceil(Date.now() / 1000 + 15) * 1000;
    await sandbox.extend({ until: new Date(until) });
    await isGone('timed');
    expect(secondsSince(until)).to.be.within(-1, 20);
  });

  it('gets another Pod where it was evicted and asks for that, with its volume; else it stays Evicted', async () => {
    const volumes = [
      { name: 'data', mountPath: '/data', size: '16Mi', accessMode: 'ReadWriteOnce' as const },
    ];
    const again = small(session, 'evicted-again', { volumes, recreatePolicy: 'OnLoss' });
    const never = small(session, 'evicted');
    try {
      await Promise.all([again.runCommand('echo kept > /data/file'), never.runCommand('true')]);
      await evict(await podOf('evicted-again'));
      await evict(await podOf('evicted'));
      await becomes('evicted', 'Evicted');
      await eventually(
        'it is ready again',
        async () => {
          const { status } = (await seen('evicted-again'))!;
          return (status?.attempts?.length === 2 && status.startedTime) || undefined;
        },
        120,
      );
      expect((await again.runCommand('cat /data/file')).stdout).to.equal('kept\n');
      const { attempts } = (await seen('evicted-again'))?.status ?? {};
      expect(attempts?.[0]).to.include({ reason: 'Evicted' });
    } finally {
      await Promise.all([again.teardown(), never.teardown()]);
    }
  });
});

import { expect } from 'chai';
import { createSandbox, type Session } from '../../../src/client/index.ts';
import type { SandboxEnvironment } from '../../../src/client/sandbox/environment.ts';
import { ConfigMap } from '../../../src/kube/kinds.ts';
import { eventually } from '../../support/eventually.ts';
import { evict } from '../support/faults.ts';
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

  it('runs beside a Trial of its name', async () => {
    await using sandbox = small(session, 'namesake');
    expect((await sandbox.runCommand('echo alive')).stdout).to.equal('alive\n');
    await ownTrial('namesake', { tests: reward(1) }).earns(1);
    expect((await sandbox.runCommand('echo alive')).stdout).to.equal('alive\n');
  });

  it('ends at its deadline, and not at one that was moved', async () => {
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

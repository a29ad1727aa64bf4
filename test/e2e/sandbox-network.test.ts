import { expect } from 'chai';
import { attachSandbox, type Session } from '../../src/client/index.ts';
import type { SandboxEnvironment } from '../../src/client/sandbox/environment.ts';
import { Sandbox as SandboxKind } from '../../src/crds/kinds.ts';
import { API_VERSION } from '../../src/crds/names.ts';
import type { SandboxSpec } from '../../src/crds/sandbox.ts';
import { FORWARDER_PORT } from '../../src/wire/tunnel.ts';
import { Job, NetworkPolicy } from '../../src/kube/kinds.ts';
import { failedCondition } from '../../src/pods/reading/job.ts';
import { kubectlOk } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { becomes, isFull, LITTLE, pooled, small, userSession } from './support/sandboxes.ts';
import { endHosts, OUTSIDE, playHosts } from './support/addresses.ts';
import { world } from './support/world.ts';

const [ALLOWED, OTHER] = OUTSIDE.sandboxes;
const KUBELET = 10_250;

/** Shell: what the courier's proxy answers to a CONNECT. */
const asking = (target: string): string =>
  `timeout 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/${FORWARDER_PORT} && printf "CONNECT ${target} HTTP/1.1\\r\\n\\r\\n" >&3 && head -n 1 <&3'`;

/** Shell: whether a connection past the proxy comes to be. */
const past = (host: string, port: number): string =>
  `timeout 3 bash -c '< /dev/tcp/${host}/${port}' 2> /dev/null && echo open || echo closed`;

describe('a Sandbox whose network is a list', () => {
  let session: Session;
  let apiServer = '';
  let network: NonNullable<SandboxSpec['network']>;

  before(async function () {
    this.timeout(120_000);
    session = userSession();
    const service = ['get', 'service', 'kubernetes', '-n', 'default', '-o', 'jsonpath={.spec.clusterIP}'];
    apiServer = await kubectlOk(service);
    network = { mode: 'Allowlist', allowedHosts: [ALLOWED, apiServer], enforcement: 'Required' };
    await playHosts(ALLOWED, OTHER);
  });

  after(async function () {
    this.timeout(60_000);
    await session.close();
    await endHosts(ALLOWED, OTHER);
  });

  const say = async (sandbox: SandboxEnvironment, command: string): Promise<string> =>
    (await sandbox.runCommand(command, { timeoutMs: 30_000 })).stdout.trim();

  async function expectHeld(sandbox: SandboxEnvironment): Promise<void> {
    expect(await say(sandbox, 'echo $https_proxy')).to.equal(`http://127.0.0.1:${FORWARDER_PORT}`);
    expect(await say(sandbox, asking(`${ALLOWED}:${KUBELET}`))).to.match(/^HTTP\/1.1 200 /);
    expect(await say(sandbox, asking(`${OTHER}:${KUBELET}`))).to.match(/^HTTP\/1.1 403 .*8.8.4.7/);
    // On the list, and of the cluster all the same.
    expect(await say(sandbox, asking(`${apiServer}:443`))).to.match(/^HTTP\/1.1 403 /);
    expect(await say(sandbox, asking('169.254.169.254:80'))).to.match(/^HTTP\/1.1 403 /);
    for (const [host, port] of [
      [ALLOWED, KUBELET],
      [OTHER, KUBELET],
      [apiServer, 443],
    ] as const)
      expect(await say(sandbox, past(host, port)), host).to.equal('closed');
  }

  it('reaches its hosts and no other, and nothing of the cluster', async function () {
    this.timeout(180_000);
    await using sandbox = await small(session, 'listed', { network }).init();
    await expectHeld(sandbox);
  });

  it('has the list of its pool, which may be gone', async function () {
    this.timeout(240_000);
    const { kube, namespace } = world();
    const image = 'debian:bookworm-slim';
    const spec = { image, resources: LITTLE, network, user: '1000', pool: { size: 1 } } as SandboxSpec;
    const metadata = { name: 'listed-pool', namespace };
    await kube.create(SandboxKind, { apiVersion: API_VERSION, kind: 'Sandbox', metadata, spec });
    await isFull('listed-pool', 1);
    await using sandbox = await pooled(session, 'from-listed', { poolRef: 'listed-pool' }).init();
    await attachSandbox(session, 'listed-pool').teardown();
    await expectHeld(sandbox);
    expect(await say(sandbox, 'id -u')).to.equal('1000');
  });

  it('lets nothing run where the cluster does not enforce its policy and has to, and its pool says so, too', async function () {
    this.timeout(120_000);
    const { kube } = world();
    const namespace = await world().makeNamespace();
    // Policies add up: with this one, what the Pod's own closes is open.
    await kube.create(NetworkPolicy, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { namespace, name: 'open' },
      spec: { podSelector: {}, policyTypes: ['Egress'], egress: [{}] },
    });
    const required = { mode: 'Public', enforcement: 'Required' } as const;
    const spec = { image: 'debian:bookworm-slim', resources: LITTLE, network: required } as SandboxSpec;
    const metadata = { name: 'unheld-pool', namespace };
    const pool = { ...spec, pool: { size: 1 } } as SandboxSpec;
    await kube.create(SandboxKind, { apiVersion: API_VERSION, kind: 'Sandbox', metadata, spec: pool });
    const own = userSession(namespace);
    try {
      const sandbox = small(own, 'unheld', { network: required });
      const failure: unknown = await sandbox.runCommand('true').catch((error: unknown) => error);
      expect(String(failure)).to.include('PolicyNotEnforced').and.include('network.enforcement is Required');
      await becomes('unheld', 'PolicyNotEnforced', { namespace });
      await becomes('unheld-pool', 'PolicyNotEnforced', { namespace });
      await eventually(
        'the pool waits before the next Pod',
        async () =>
          (await kube.list(Job, { namespace })).some(
            (job) => job.metadata.name === 'unheld-pool-s1' && failedCondition(job),
          ) || undefined,
      );
      await becomes('unheld-pool', 'PolicyNotEnforced', { namespace });
    } finally {
      await own.close();
    }
  });

  it('says which entry of its list is none', async () => {
    await using sandbox = small(session, 'mislisted', {
      network: { ...network, allowedHosts: ['https://pypi.org'] },
    });
    const failure: unknown = await sandbox.init().catch((error: unknown) => error);
    expect(String(failure)).to.include('spec.network.allowedHosts[0] is "https://pypi.org"');
    await becomes('mislisted', 'InvalidNetwork');
  });
});

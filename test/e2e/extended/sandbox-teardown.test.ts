import { expect } from 'chai';
import { attachSandbox, createSandbox, type Session } from '../../../src/client/index.ts';
import type { SandboxEnvironment } from '../../../src/client/sandbox/environment.ts';
import { NETWORK_POLICIES } from '../../../src/crds/names.ts';
import { ConfigMap } from '../../../src/kube/kinds.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { killContainer } from '../support/faults.ts';
import { becomes, fullPool, LITTLE, podOf, pooled, seen, small, userSession } from '../support/sandboxes.ts';
import { world } from '../support/world.ts';

const volumes = [{ name: 'data', mountPath: '/data', size: '16Mi', accessMode: 'ReadWriteOnce' as const }];

/** All that may belong to a Sandbox, by kind and name; whatever belongs to it has its name in its own. */
async function objects(): Promise<string[]> {
  const kinds = 'sandboxes,jobs,pods,persistentvolumeclaims,secrets,configmaps,networkpolicies';
  return (await kubectlOk(['get', kinds, '-n', world().namespace, '-o', 'name'])).trim().split('\n');
}

const has = async (name: string, kind: string): Promise<boolean> =>
  (await objects()).some((one) => one.startsWith(kind) && one.includes(name));

interface State {
  sandbox: (session: Session, name: string) => SandboxEnvironment;
  /** Resolves when it is in that state. */
  reach: (sandbox: SandboxEnvironment) => Promise<unknown>;
}

const withVolume = (session: Session, name: string): SandboxEnvironment => small(session, name, { volumes });

const STATES: Record<string, State> = {
  'is not processed yet': { sandbox: withVolume, reach: (sandbox) => sandbox.create() },
  'finds no node': {
    sandbox: (session, name) =>
      small(session, name, { volumes, resources: { requests: { cpu: '5000' }, limits: { cpu: '5000' } } }),
    reach: async (sandbox) => {
      await sandbox.create();
      await becomes(sandbox.name, 'Unschedulable');
    },
  },
  'has no image': {
    sandbox: (session, name) => small(session, name, { volumes, image: 'debian:there-is-no-such-tag' }),
    reach: async (sandbox) => {
      await sandbox.create();
      await becomes(sandbox.name, 'ImageNotFound');
    },
  },
  'has its image built': {
    sandbox: (session, name) =>
      createSandbox(session, {
        executionBackend: 'kubernetes',
        build: {
          context: { configMap: { name: 'torn-context' } },
          dockerfile: 'Dockerfile',
          timeoutSeconds: 600,
          queueTimeoutSeconds: 600,
        },
        resources: LITTLE,
        volumes,
        name,
      }),
    reach: async (sandbox) => {
      await sandbox.create();
      await becomes(sandbox.name, 'BuildingImage');
    },
  },
  starts: {
    sandbox: withVolume,
    reach: async (sandbox) => {
      await sandbox.create();
      await eventuallyTrue('it has a Pod', () => has(sandbox.name, 'pod/'));
    },
  },
  'runs a command': {
    sandbox: withVolume,
    reach: (sandbox) => sandbox.startCommand("trap '' TERM; sleep 3600; sleep 3600"),
  },
  'is being suspended': {
    sandbox: withVolume,
    reach: async (sandbox) => {
      await sandbox.runCommand('true');
      await sandbox.suspend();
    },
  },
  'is suspended': {
    sandbox: withVolume,
    reach: async (sandbox) => {
      await sandbox.runCommand('true');
      await sandbox.suspend();
      await becomes(sandbox.name, 'Suspended');
      await eventuallyTrue('it has no Pod', async () => !(await has(sandbox.name, 'pod/')), 90);
      expect(await has(sandbox.name, 'persistentvolumeclaim/')).to.equal(true);
    },
  },
  'has failed': {
    sandbox: withVolume,
    reach: async (sandbox) => {
      await sandbox.runCommand('true');
      await killContainer(await podOf(sandbox.name), CONTAINERS.task);
      await becomes(sandbox.name, 'TaskContainerExited');
    },
  },
};

describe('a Sandbox that is torn down', function () {
  this.timeout(240_000);
  let session: Session;

  before(async () => {
    session = userSession();
    await world().kube.create(ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: world().namespace, name: 'torn-context' },
      data: { Dockerfile: `FROM debian:bookworm-slim\nRUN echo ${Date.now()}; sleep 20` },
    });
  });
  after(() => session.close());

  const leavesNothing = (name: string): Promise<void> =>
    eventuallyTrue(
      `nothing is left of ${name}`,
      async () => !(await objects()).some((one) => one.includes(name)),
      90,
    );

  for (const [index, [state, { sandbox: made, reach }]] of Object.entries(STATES).entries())
    it(`leaves nothing where it ${state}`, async () => {
      const sandbox = made(session, `torn-${index}`);
      await reach(sandbox);
      await sandbox.teardown();
      await leavesNothing(`torn-${index}`);
    });

  it('leaves nothing where it is a pool, nor where it was taken from one', async () => {
    await fullPool('torn-pool', 2);
    const taken = pooled(session, 'torn-taken', { poolRef: 'torn-pool' });
    await taken.runCommand('true');
    const { podName = '' } = (await seen('torn-taken'))?.status ?? {};
    expect(podName).to.match(/^torn-pool-/);
    await attachSandbox(session, 'torn-pool').teardown();
    await eventuallyTrue(
      'of the pool only the Pod that was taken is left',
      async () =>
        (await objects()).filter((one) => one.startsWith('pod/torn-pool')).join() === `pod/${podName}`,
      90,
    );
    await taken.teardown();
    await leavesNothing('torn-pool');
  });

  it('leaves the network policies of its namespace to all that will come', async () => {
    const policies = (await objects()).flatMap((one) => /^networkpolicy[^/]*\/(.*)/.exec(one)?.[1] ?? []);
    expect(NETWORK_POLICIES).to.include.members(policies);
  });
});

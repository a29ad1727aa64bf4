import { expect } from 'chai';
import { RESEARCHER } from '../../../crds/namespace-rules.ts';
import type { Pod } from '../../../kube/kinds.ts';
import { ProviderError } from '../../../providers/errors.ts';
import { memoryArtifactStore } from '../../../providers/artifact-store/memory.ts';
import type { Found } from './check.ts';
import { certificate } from '../../../../test/support/client/certificate.ts';
import { resultsOf, lease, pod } from '../../../../test/support/client/doctor.ts';
import type { KubeObject } from '../../../kube/types.ts';
import type { Lease } from '../../../kube/kinds.ts';
import { broker } from './broker.ts';
import { operator } from './operator.ts';
import { storeChecks } from './store.ts';
import { ownVersion } from '../../../installation/version.ts';

const NOW = new Date('2026-01-31T14:25:01Z');
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);
const said = (found: readonly Found[]): string[] =>
  found.map(({ state, what, why }) => [state, what, why].filter(Boolean).join(': '));

describe('sb doctor about the operator', () => {
  const looks = (objects: Record<string, readonly KubeObject[]>): Promise<Found[]> =>
    resultsOf(operator, { objects, session: { now: () => NOW } });
  const ofStatefulSet = async (found: KubeObject | undefined, pods: readonly Pod[]): Promise<Found[]> =>
    (await looks({ StatefulSet: found ? [found] : [], Pod: pods })).slice(0, 1);
  const ofLease = async (found?: Lease): Promise<Found[]> =>
    (await looks({ Lease: found ? [found] : [] })).slice(1);
  const ofRestarts = async (pods: readonly Pod[]): Promise<Found[]> => (await looks({ Pod: pods })).slice(2);
  const statefulSet = (replicas: number, readyReplicas?: number) => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'sb-operator' },
    spec: { replicas },
    status: { ...(readyReplicas !== undefined && { readyReplicas }) },
  });
  const crashing = (waiting: { reason?: string; message?: string }): Pod =>
    pod(
      'op-1',
      {},
      {
        containerStatuses: [
          { name: 'operator', ready: false, restartCount: 3, image: 'x', imageID: 'x', state: { waiting } },
        ],
      },
    );

  it('counts its replicas', async () => {
    expect(said(await ofStatefulSet(statefulSet(2, 2), []))).to.deep.equal([
      'fine: 2 of 2 replicas of the operator are ready',
    ]);
    expect((await ofStatefulSet(undefined, []))[0]?.what).to.equal('the operator is not installed');
    expect((await ofStatefulSet(statefulSet(0), []))[0]?.fix).to.include('--replicas=2');
  });

  it('finds an operator of a version that was a Deployment, which would go on beside this one', async () => {
    const former = { ...statefulSet(2, 2), kind: 'Deployment' };
    const found = (await looks({ StatefulSet: [statefulSet(2, 2)], Deployment: [former] })).at(-1);
    expect([found?.state, found?.fix]).to.deep.equal([
      'problem',
      'kubectl -n sb-system delete deployment sb-operator',
    ]);
  });

  it('says why replicas are not ready, as the kubelet or the scheduler does', async () => {
    const backOff = crashing({ reason: 'CrashLoopBackOff', message: 'back-off 5m0s' });
    expect(said(await ofStatefulSet(statefulSet(2, 1), [backOff]))).to.deep.equal([
      'warning: 1 of 2 replicas of the operator is ready: Pod op-1: CrashLoopBackOff: back-off 5m0s',
    ]);
    const unscheduled = pod(
      'op-2',
      {},
      {
        conditions: [{ type: 'PodScheduled', status: 'False', message: 'Insufficient cpu' }],
      },
    );
    expect(said(await ofStatefulSet(statefulSet(2), [unscheduled]))).to.deep.equal([
      'problem: 0 of 2 replicas of the operator are ready: Pod op-2: Insufficient cpu',
    ]);
    const starting = await ofStatefulSet(statefulSet(1), [crashing({ reason: 'ContainerCreating' })]);
    expect(starting[0]?.why).to.equal('the others have not started yet');
  });

  it('wants a lease that is held and was renewed while it is good', async () => {
    const judged = async (...of: Parameters<typeof lease>): Promise<string[]> =>
      said(await ofLease(lease(...of)));
    expect(await judged(ago(3000))).to.deep.equal(['fine: sb-operator-0 leads']);
    expect(await judged(ago(60_000))).to.deep.equal([
      'problem: no operator leads: sb-operator-0 renewed the lease 60 s ago, and it is good for 15 s',
    ]);
    expect(await judged(ago(3000), '')).to.deep.equal([
      'problem: no operator leads: no replica holds the lease sb-operator',
    ]);
    expect((await ofLease())[0]?.state).to.equal('problem');
  });

  it('names the latest end of a replica, and forgets it after an hour', async () => {
    const ended = (name: string, finishedAt: Date): Pod =>
      pod(
        name,
        {},
        {
          containerStatuses: [
            {
              name: 'operator',
              ready: true,
              restartCount: 2,
              image: 'x',
              imageID: 'x',
              lastState: {
                terminated: { exitCode: 137, reason: 'OOMKilled', finishedAt: finishedAt.toISOString() },
              },
            },
          ],
        },
      );
    const found = await ofRestarts([ended('a', ago(900_000)), ended('b', ago(60_000))]);
    expect(said(found)).to.deep.equal([
      'warning: the operator was restarted 2 times: Pod b ended with OOMKilled (exit code 137) at 2026-01-31T14:24:01.000Z',
    ]);
    expect(await ofRestarts([ended('a', ago(7_200_000))])).to.deep.equal([]);
  });
});

describe('sb doctor about the broker', () => {
  it('wants an endpoint that is ready; one that does not say counts as that', async () => {
    const slice = (...ready: (boolean | undefined)[]) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'a' },
      endpoints: ready.map((one) => ({ conditions: one === undefined ? {} : { ready: one } })),
    });
    const judged = async (...slices: KubeObject[]): Promise<Found | undefined> =>
      (await resultsOf(broker, { objects: { EndpointSlice: slices } }))[0];
    expect((await judged(slice(true, undefined), slice(false)))?.what).to.equal('the broker has 2 endpoints');
    expect((await judged(slice(false)))?.state).to.equal('problem');
    expect((await judged())?.state).to.equal('problem');
  });

  it('wants a certificate that has not ended', async () => {
    const secret = (pem: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'sb-broker-tls' },
      data: { 'tls.crt': Buffer.from(pem).toString('base64') },
    });
    const pem = certificate();
    const now = new Date();
    const judged = async (at: Date, ...secrets: KubeObject[]): Promise<Found | undefined> =>
      (await resultsOf(broker, { objects: { Secret: secrets }, session: { now: () => at } }))[1];
    expect((await judged(now, secret(pem)))?.state).to.equal('fine');
    const later = new Date(now.getTime() + 7 * 86_400_000);
    expect((await judged(later, secret(pem)))?.why).to.include('it ended');
    expect((await judged(now, secret('rubbish')))?.why).to.include('is not a certificate');
    expect((await judged(now))?.what).to.equal('the broker has no certificate');
  });
});

describe('sb doctor about several installations', () => {
  const inNamespace = (namespace: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name: 'sb-client' },
  });
  const judged = async (...namespaces: string[]): Promise<Found | undefined> => {
    const found = await resultsOf(operator, {
      objects: { ConfigMap: namespaces.map(inNamespace) },
      session: { client: installed('local') },
    });
    return found.find(({ what }) => what.includes('more than one'));
  };

  it('names where the others are, and nothing where there is one', async () => {
    expect((await judged('sb-system', 'left-over'))?.why).to.equal(
      'clients use the one in namespace sb-system; there is a ConfigMap sb-client in left-over too',
    );
    expect(await judged('sb-system')).to.equal(undefined);
  });
});

const storeCheck = (name: string) => storeChecks.find((check) => check.name === name);
const installed = (profile: 'local' | 'aws') => async () => ({
  profile,
  bucket: 'b',
  region: 'us-east-1',
  operatorVersion: ownVersion(),
  operatorNamespace: 'sb-system',
});

describe('sb doctor about the registry', () => {
  const judged = (trials: readonly object[], profile?: 'local' | 'aws'): Promise<Found[]> =>
    resultsOf(storeCheck('registry'), {
      raw: (path) => ({ items: path.includes('/trials') ? trials : [] }),
      session: { now: () => NOW, ...(profile && { client: installed(profile) }) },
    });
  const waits = (name: string, reason: string, { status = 'Unknown', since = NOW } = {}) => ({
    kind: 'Trial',
    metadata: { name },
    status: {
      conditions: [
        {
          type: 'Succeeded',
          status: status as 'Unknown' | 'False',
          reason,
          message: `${name} says so`,
          lastTransitionTime: since.toISOString(),
        },
      ],
    },
  });

  it('groups what waits for registry or builder by its reason', async () => {
    const objects = [
      waits('a', 'RegistryUnavailable'),
      waits('b', 'RegistryUnavailable'),
      waits('c', 'Running'),
    ];
    expect(said(await judged(objects))).to.deep.equal([
      'problem: Trial b and 1 more: RegistryUnavailable: b says so',
    ]);
    expect((await judged([waits('c', 'Running')]))[0]?.state).to.equal('fine');
  });

  it('has the hint of the installation’s profile, and of no other', async () => {
    const fix = async (profile: 'local' | 'aws', reason: string) =>
      (await judged([waits('a', reason)], profile))[0]?.fix;
    expect(await fix('local', 'RegistryUnavailable')).to.match(
      /^kubectl .* {4}\(.*npm run cluster:up repairs it\)$/,
    );
    expect(await fix('aws', 'RegistryUnavailable')).to.match(/--tail=50$/);
    expect(await fix('aws', 'PushDenied')).to.equal(
      'let the builder push to the repository    (docs/aws.md)',
    );
    expect(await fix('local', 'PushDenied')).to.equal('let the builder push to the repository');
  });

  it('names failures of the last hour, and no older ones', async () => {
    const failed = (since: Date) => waits('a', 'BaseImageRateLimited', { status: 'False', since });
    expect((await judged([failed(ago(60_000))]))[0]?.fix).to.include('SB_BASE_IMAGE_MIRRORS');
    expect((await judged([failed(ago(7_200_000))]))[0]?.state).to.equal('fine');
  });
});

describe('sb doctor about the store', () => {
  it('leaves nothing of what it wrote', async () => {
    const store = memoryArtifactStore();
    const found = await resultsOf(storeCheck('store'), {
      session: { client: installed('aws'), store: async () => store },
      patient: { writeProbe: true },
    });
    expect(found.map(({ state }) => state)).to.deep.equal(['fine', 'fine']);
    expect(found[1]?.what).to.include('write, read and delete');
    expect((await store.list('')[Symbol.asyncIterator]().next()).done).to.equal(true);
  });

  it('writes where a researcher may, in the namespace of one', async () => {
    const keys: string[] = [];
    const store = memoryArtifactStore({
      fault: (operation, key) => {
        if (operation !== 'list') keys.push(key);
        return undefined;
      },
    });
    const found = await resultsOf(storeCheck('store'), {
      objects: {
        Namespace: [
          { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', labels: { [RESEARCHER]: 'a' } } },
        ],
      },
      session: { client: installed('aws'), store: async () => store },
      patient: { writeProbe: true },
    });
    expect(found[1]?.what).to.equal('you may write, read and delete objects below tasks/researchers/a/');
    expect(keys).to.have.length(3);
    for (const key of keys) expect(key).to.match(/^tasks\/researchers\/a\/\.doctor\//);
  });

  it('takes credentials for AWS out of the way of a local cluster', async () => {
    const error = new ProviderError('AccessDenied', 'list: no such access key');
    const store = memoryArtifactStore({ fault: () => error });
    const fixOf = async (profile: 'local' | 'aws', env: Record<string, string>) =>
      (
        await resultsOf(storeCheck('store'), {
          session: { client: installed(profile), store: async () => store },
          patient: { env },
        })
      )[0]?.fix;
    const env = { AWS_ACCESS_KEY_ID: 'AKIA' };
    expect(await fixOf('local', env)).to.match(/^unset AWS_ACCESS_KEY_ID /);
    expect(await fixOf('aws', env)).to.match(/^aws sts get-caller-identity/);
    expect(await fixOf('local', {})).to.match(/^aws sts get-caller-identity/);
  });
});

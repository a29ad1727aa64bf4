import { expect } from 'chai';
import type { Pod } from '../../../kube/kinds.ts';
import { ProviderError } from '../../../providers/errors.ts';
import { memoryArtifactStore } from '../../../providers/artifact-store/memory.ts';
import { profileOf } from '../../../providers/profiles/profiles.ts';
import type { Found } from './check.ts';
import { certificate } from '../../../../test/support/client/certificate.ts';
import { lease, pod } from '../../../../test/support/client/doctor.ts';
import { judgeCertificate, judgeEndpoints } from './broker.ts';
import { judgeDeployment, judgeLease, judgeRestarts } from './operator.ts';
import { judgeImages, canWrite, refusal } from './store.ts';

const NOW = new Date('2026-01-31T14:25:01Z');
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);
const said = (found: readonly Found[]): string[] =>
  found.map(({ state, what, why }) => [state, what, why].filter(Boolean).join(': '));

describe('sb doctor about the operator', () => {
  const deployment = (replicas: number, readyReplicas?: number) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
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

  it('counts its replicas', () => {
    expect(said(judgeDeployment(deployment(2, 2), []))).to.deep.equal([
      'fine: 2 of 2 replicas of the operator are ready',
    ]);
    expect(judgeDeployment(undefined, [])[0]?.what).to.equal('the operator is not installed');
    expect(judgeDeployment(deployment(0), [])[0]?.fix).to.include('--replicas=2');
  });

  it('says why replicas are not ready, as the kubelet or the scheduler does', () => {
    const backOff = crashing({ reason: 'CrashLoopBackOff', message: 'back-off 5m0s' });
    expect(said(judgeDeployment(deployment(2, 1), [backOff]))).to.deep.equal([
      'warning: 1 of 2 replicas of the operator is ready: Pod op-1: CrashLoopBackOff: back-off 5m0s',
    ]);
    const unscheduled = pod(
      'op-2',
      {},
      {
        conditions: [{ type: 'PodScheduled', status: 'False', message: 'Insufficient cpu' }],
      },
    );
    expect(said(judgeDeployment(deployment(2), [unscheduled]))).to.deep.equal([
      'problem: 0 of 2 replicas of the operator are ready: Pod op-2: Insufficient cpu',
    ]);
    const starting = judgeDeployment(deployment(1), [crashing({ reason: 'ContainerCreating' })]);
    expect(starting[0]?.why).to.equal('the others have not started yet');
  });

  it('wants a lease that is held and was renewed while it is good', () => {
    const judged = (...of: Parameters<typeof lease>): string[] =>
      said(judgeLease(lease(...of), NOW.getTime()));
    expect(judged(ago(3000))).to.deep.equal(['fine: sb-operator-0 leads']);
    expect(judged(ago(60_000))).to.deep.equal([
      'problem: no operator leads: sb-operator-0 renewed the lease 60 s ago, and it is good for 15 s',
    ]);
    expect(judged(ago(3000), '')).to.deep.equal([
      'problem: no operator leads: no replica holds the lease sb-operator',
    ]);
    expect(judgeLease(undefined, 0)[0]?.state).to.equal('problem');
  });

  it('names the latest end of a replica, and forgets it after an hour', () => {
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
    const found = judgeRestarts([ended('a', ago(900_000)), ended('b', ago(60_000))], NOW);
    expect(said(found)).to.deep.equal([
      'warning: the operator was restarted 2 times: Pod b ended with OOMKilled (exit code 137) at 2026-01-31T14:24:01.000Z',
    ]);
    expect(judgeRestarts([ended('a', ago(7_200_000))], NOW)).to.deep.equal([]);
  });
});

describe('sb doctor about the broker', () => {
  it('wants an endpoint that is ready; one that does not say counts as that', () => {
    const slice = (...ready: (boolean | undefined)[]) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'a' },
      endpoints: ready.map((one) => ({ conditions: one === undefined ? {} : { ready: one } })),
    });
    expect(judgeEndpoints([slice(true, undefined), slice(false)]).what).to.equal(
      'the broker has 2 endpoints',
    );
    expect(judgeEndpoints([slice(false)]).state).to.equal('problem');
    expect(judgeEndpoints([]).state).to.equal('problem');
  });

  it('wants a certificate that has not ended', () => {
    const secret = (pem: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      data: { 'tls.crt': Buffer.from(pem).toString('base64') },
    });
    const pem = certificate();
    const now = new Date();
    expect(judgeCertificate(secret(pem), now).state).to.equal('fine');
    expect(judgeCertificate(secret(pem), new Date(now.getTime() + 7 * 86_400_000)).why).to.include(
      'it ended',
    );
    expect(judgeCertificate(secret('rubbish'), now).why).to.include('is not a certificate');
    expect(judgeCertificate(undefined, now).what).to.equal('the broker has no certificate');
  });
});

describe('sb doctor about the registry', () => {
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

  it('groups what waits for registry or builder by its reason', () => {
    const objects = [
      waits('a', 'RegistryUnavailable'),
      waits('b', 'RegistryUnavailable'),
      waits('c', 'Running'),
    ];
    expect(said(judgeImages(objects, NOW))).to.deep.equal([
      'problem: Trial b and 1 more: RegistryUnavailable: b says so',
    ]);
    expect(judgeImages([waits('c', 'Running')], NOW)[0]?.state).to.equal('fine');
  });

  it('has the hint of the installation’s profile, and of no other', () => {
    const fix = (profile: 'local' | 'aws', reason: string) =>
      judgeImages([waits('a', reason)], NOW, profileOf(profile).hints)[0]?.fix;
    expect(fix('local', 'RegistryUnavailable')).to.match(
      /^kubectl .* {4}\(.*npm run cluster:up repairs it\)$/,
    );
    expect(fix('aws', 'RegistryUnavailable')).to.match(/--tail=50$/);
    expect(fix('aws', 'PushDenied')).to.equal('let the builder push to the repository    (docs/aws.md)');
    expect(fix('local', 'PushDenied')).to.equal('let the builder push to the repository');
  });

  it('names failures of the last hour, and no older ones', () => {
    const failed = (since: Date) => waits('a', 'BaseImageRateLimited', { status: 'False', since });
    expect(judgeImages([failed(ago(60_000))], NOW)[0]?.fix).to.include('SB_BASE_IMAGE_MIRRORS');
    expect(judgeImages([failed(ago(7_200_000))], NOW)[0]?.state).to.equal('fine');
  });
});

describe('sb doctor about the store', () => {
  it('leaves nothing of what it wrote', async () => {
    const store = memoryArtifactStore();
    expect((await canWrite(store)).state).to.equal('fine');
    expect((await store.list('')[Symbol.asyncIterator]().next()).done).to.equal(true);
  });

  it('takes credentials for AWS out of the way of a local cluster', () => {
    const error = new ProviderError('AccessDenied', 'list: no such access key');
    const fixOf = (profile: 'local' | 'aws', env: Record<string, string>): string | undefined =>
      refusal(error, { profile, env }).fix;
    const env = { AWS_ACCESS_KEY_ID: 'AKIA' };
    expect(fixOf('local', env)).to.match(/^unset AWS_ACCESS_KEY_ID /);
    expect(fixOf('aws', env)).to.match(/^aws sts get-caller-identity/);
    expect(fixOf('local', {})).to.match(/^aws sts get-caller-identity/);
  });
});

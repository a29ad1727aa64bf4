import { expect } from 'chai';
import { aReadyImage, POD_SETTINGS } from '../../../test/support/builders/objects.ts';
import { aPool, aSandbox } from '../../../test/support/builders/sandboxes.ts';
import { expectGolden } from '../../../test/support/golden.ts';
import { LABEL } from '../../crds/names.ts';
import type { SandboxSpec } from '../../crds/sandbox.ts';
import { securityLevelOf } from '../../pods/reading/security-level.ts';
import { adoption, claimFor, jobFor, memberFor, resourcesOf } from './manifests.ts';

const image = aReadyImage('debian');
const making = { image, number: 1, settings: POD_SETTINGS };
const job = (spec: Partial<SandboxSpec> = {}) => jobFor(aSandbox({ spec }), making);
const pod = (spec: Partial<SandboxSpec> = {}) => job(spec).spec?.template.spec ?? { containers: [] };

const data = { name: 'data', mountPath: '/data', size: '2Gi', accessMode: 'ReadWriteOnce' as const };

describe('the Job of a Sandbox', () => {
  it('says on the Pod whose its costs are, of a pool, too', () => {
    const settings = { ...POD_SETTINGS, costLabels: { user_id: 'ada' } };
    for (const made of [
      jobFor(aSandbox(), { ...making, settings }),
      memberFor(aPool(2), { ...making, settings }),
    ])
      expect(made.spec?.template.metadata?.labels).to.include({ user_id: 'ada' });
  });

  it('looks as it always did', () => expectGolden('sandbox-job.yaml', job()));

  it('looks as it always did with everything that a spec can ask for', () =>
    expectGolden(
      'sandbox-job-full.yaml',
      job({
        user: '1000:100',
        allowPrivilegeEscalation: false,
        env: [
          { name: 'COST', value: '$5' },
          { name: 'KEY', secretKeyRef: { name: 'keys', key: 'a' } },
        ],
        resources: { requests: { cpu: 2 }, limits: { memory: '4Gi' } },
        network: { mode: 'None', enforcement: 'Required' },
        runtimeClassName: 'gvisor',
        scheduling: {
          nodeSelector: { pool: 'big' },
          tolerations: [{ key: 'big', operator: 'Exists', effect: 'NoSchedule' }],
          priorityClassName: 'low',
          queueName: 'people',
        },
        volumes: [data],
      }),
    ));

  it('of a pool looks as it always did', () =>
    expectGolden('sandbox-pool-job.yaml', memberFor(aPool(2), making)));

  it('meets Pod Security restricted where its user is a number that is not 0, and baseline else', () => {
    expect(securityLevelOf(pod({ user: '1000', allowPrivilegeEscalation: false }))).to.equal('restricted');
    for (const spec of [
      {},
      { user: '1000' },
      { user: 'agent', allowPrivilegeEscalation: false },
      { user: '0', allowPrivilegeEscalation: false },
    ])
      expect(securityLevelOf(pod(spec)), JSON.stringify(spec)).to.equal('baseline');
  });

  it('has one of the namespace’s own users where it has some, and its image names another', () => {
    const users = { first: 1_000_000, last: 1_009_999 };
    const own = jobFor(aSandbox({ spec: { allowPrivilegeEscalation: false } }), { ...making, users });
    const { containers, initContainers } = own.spec?.template.spec ?? { containers: [] };
    expect(containers[0]?.securityContext).to.include({ runAsUser: 1_000_000, runAsGroup: 0 });
    expect(initContainers?.[0]?.securityContext?.runAsUser).to.be.within(1_000_001, 1_009_999);
  });

  it('without a ready Pod of its pool is as the pool’s, with its own variables besides, and its own name', () => {
    const pool = aPool(2, {
      spec: {
        user: '1000',
        allowPrivilegeEscalation: false,
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      },
    });
    const sandbox = aSandbox({ spec: { poolRef: { name: 'pool' }, env: [{ name: 'B', value: '3' }] } });
    const cold = jobFor(sandbox, { ...making, pool });
    expect(cold.metadata.name).to.equal('box-s1');
    expect(cold.metadata.labels).to.not.have.property(LABEL.pool);
    const [container] = cold.spec?.template.spec?.containers ?? [];
    expect(container?.env).to.deep.equal([
      { name: 'A', value: '1' },
      { name: 'B', value: '3' },
    ]);
    expect(container?.securityContext?.runAsUser).to.equal(1000);
  });
});

describe('the resources of a Sandbox', () => {
  it('are small by default', () => {
    expect(resourcesOf()).to.deep.equal({
      requests: { cpu: '250m', memory: '512Mi', 'ephemeral-storage': '1Gi' },
      limits: { cpu: '1', memory: '2Gi', 'ephemeral-storage': '8Gi' },
    });
  });

  it('give way to what is given, so that no request is beyond its limit', () => {
    expect(resourcesOf({ requests: { cpu: 2 }, limits: { memory: '256Mi' } })).to.deep.equal({
      requests: { cpu: '2', memory: '256Mi', 'ephemeral-storage': '1Gi' },
      limits: { cpu: '2', memory: '256Mi', 'ephemeral-storage': '8Gi' },
    });
  });
});

describe('a disk of a Sandbox', () => {
  it('is its own, and goes with it', () => {
    const claim = claimFor(aSandbox(), { ...data, storageClassName: 'fast' });
    expect(claim).to.deep.include({ kind: 'PersistentVolumeClaim' });
    expect(claim.metadata).to.deep.include({ name: 'sb-sandbox-box-data', namespace: 'default' });
    expect(claim.metadata.ownerReferences).to.have.length(1);
    expect(claim.spec).to.deep.equal({
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '2Gi' } },
      storageClassName: 'fast',
    });
  });
});

describe('the patch by which a Sandbox takes a Job of a pool', () => {
  it('makes it the Job’s only owner, of the version that was seen', () => {
    const member = memberFor(aPool(1), making);
    const seen = { ...member, metadata: { ...member.metadata, resourceVersion: '7' } };
    expect(adoption(aSandbox(), seen)).to.deep.equal({
      metadata: {
        resourceVersion: '7',
        labels: { [LABEL.sandbox]: 'box' },
        ownerReferences: [
          {
            apiVersion: 'sb.abundant.ai/v1alpha1',
            kind: 'Sandbox',
            name: 'box',
            uid: 'uid-of-box',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
    });
  });
});

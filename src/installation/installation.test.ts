import { expect } from 'chai';
import { AGENTS_NAMESPACE } from '../crds/names.ts';
import type { NetworkPolicy, StatefulSet } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/types.ts';
import { installation } from './installation.ts';
import { OVERLAYS, valuesOf } from './overlays.ts';
import { DEFAULTS, type Values } from './values.ts';

const PERMISSIONS = [
  { group: 'batch', resources: ['jobs'], verbs: ['get', 'watch', 'create'] },
  { group: '', resources: ['secrets'], verbs: ['create'], scope: 'own' as const },
];

const installed = (values: Partial<Values> = {}) =>
  installation(PERMISSIONS, { ...DEFAULTS, version: '1.2.3', ...values });

function objectsOf({ settings, clientConfig, ...groups }: ReturnType<typeof installed>): KubeObject[] {
  return [
    ...Object.values(groups).flatMap((group) => Object.values<KubeObject>(group)),
    settings,
    clientConfig,
  ];
}

describe('An installation', () => {
  it('has every object once', () => {
    const names = objectsOf(installed()).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).to.equal(names.length);
  });

  it('is in the namespace that it is given and that of agents’ programs, reads in one of Kubernetes, and names no other', () => {
    const elsewhere = installed({ namespace: 'elsewhere' });
    const objects = objectsOf(elsewhere);
    const namespaces = new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []));
    expect([...namespaces]).to.have.members(['elsewhere', AGENTS_NAMESPACE, 'kube-system']);
    expect(JSON.stringify(objects)).not.to.contain('sb-system');
    expect(elsewhere.settings.data).to.include({ SB_BROKER_URL: 'https://sb-broker.elsewhere.svc:8443' });
  });

  it('runs the operator and its couriers from one image, as often and as large as it is told', () => {
    const resources = { limits: { memory: '2Gi' } };
    const { operator } = installed({ image: 'host/operator@sha256:1', replicas: 3, resources });
    const { 'stateful-set': statefulSet } = operator;
    expect(statefulSet).to.have.nested.property('spec.replicas', 3);
    const path = 'spec.template.spec.containers[0]';
    expect(statefulSet).to.have.nested.property(`${path}.image`, 'host/operator@sha256:1');
    expect(statefulSet).to.have.deep.nested.property(`${path}.resources`, resources);
    expect(statefulSet)
      .to.have.nested.property(`${path}.env`)
      .that.deep.includes({ name: 'SB_COURIER_IMAGE', value: 'host/operator@sha256:1' });
  });

  it('closes the operator’s Pods to all but the broker’s ports, and its metrics to all but namespaces with a label', () => {
    const { operator } = installed();
    const policies = Object.values(operator).filter(({ kind }) => kind === 'NetworkPolicy');
    const labels = (operator['stateful-set'] as StatefulSet).spec?.template.metadata?.labels;
    for (const policy of policies) {
      expect(policy).to.have.deep.nested.property('spec.podSelector.matchLabels', labels);
      expect(policy).to.have.deep.nested.property('spec.policyTypes', ['Ingress']);
    }
    const rules = policies.flatMap(({ spec }: NetworkPolicy) => spec?.ingress ?? []);
    expect(rules).to.deep.equal([
      { ports: [{ port: 'broker' }, { port: 'probe' }] },
      {
        from: [{ namespaceSelector: { matchLabels: { metrics: 'enabled' } } }],
        ports: [{ port: 'metrics' }],
      },
    ]);
  });

  it('keeps what follows from its objects out of reach of settings', () => {
    const { settings } = installed({ settings: { SB_PROFILE: 'aws', SB_BROKER_PORT: '1' } });
    expect(settings.data).to.include({ SB_PROFILE: 'aws', SB_BROKER_PORT: '8443' });
  });

  it('tells clients what its settings say: of AWS no endpoint, and the region of all where the bucket has none', () => {
    const told = (name: string) =>
      installed(valuesOf(OVERLAYS[name] ?? expect.fail(name), '1.2.3')).clientConfig.data;
    expect(told('aws')).to.deep.equal({
      profile: 'aws',
      bucket: 'abundant-sb-artifacts',
      region: 'us-east-1',
      operatorVersion: '1.2.3',
    });
    expect(told('local')).to.include({ profile: 'local', endpoint: 'http://127.0.0.1:7070' });
  });

  it('tells clients the key that objects are encrypted with, which their uploads were without', () => {
    const { clientConfig } = installed({ settings: { SB_KMS_KEY_ID: 'a-key' } });
    expect(clientConfig.data).to.include({ kmsKeyId: 'a-key' });
    expect(installed().clientConfig.data).not.to.have.property('kmsKeyId');
  });

  it('tells clients where it has verifiers run, if it says that', () => {
    const { clientConfig } = installed({ settings: { SB_VERIFIER_MODE: 'Separate' } });
    expect(clientConfig.data).to.include({ verifierMode: 'Separate' });
    expect(installed().clientConfig.data).not.to.have.property('verifierMode');
  });
});

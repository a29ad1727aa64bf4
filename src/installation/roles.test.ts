import { expect } from 'chai';
import { brokerPermissions } from '../broker/permissions.ts';
import { BROKER } from './names.ts';
import { clientAccess, namespaceBinding, roles, rulesOf } from './roles.ts';

describe('The roles', () => {
  it('name each resource once, with the verbs of all parts that use it', () => {
    const rules = rulesOf([
      { group: 'batch', resources: ['jobs'], verbs: ['watch', 'get'] },
      { group: '', resources: ['pods'], verbs: ['get'] },
      { group: 'batch', resources: ['jobs'], verbs: ['create', 'get'] },
    ]);
    expect(rules).to.deep.equal([
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get', 'watch', 'create'] },
    ]);
  });

  it('put resources with the same verbs into one rule', () => {
    const rules = rulesOf([{ group: 'g', resources: ['b/status', 'a/status'], verbs: ['update'] }]);
    expect(rules).to.deep.equal([
      { apiGroups: ['g'], resources: ['a/status', 'b/status'], verbs: ['update'] },
    ]);
  });

  it('keep what is needed in the own namespace out of the cluster role', () => {
    const manifests = roles(
      [
        { group: '', resources: ['secrets'], verbs: ['get'], scope: 'own' },
        { group: '', resources: ['pods'], verbs: ['get', 'watch'] },
      ],
      'sb-system',
    );
    expect(manifests['cluster-role']).to.have.nested.property('rules[0].resources[0]', 'pods');
    expect(manifests['cluster-role']).to.have.property('rules').with.lengthOf(1);
    expect(manifests['role']).to.have.nested.property('metadata.namespace', 'sb-system');
    expect(manifests['role']).to.have.nested.property('rules[0].resources[0]', 'secrets');
  });

  it('allow what is done to objects apart from what is watched, so that it can be allowed in some namespaces alone', () => {
    const manifests = roles(
      [
        { group: 'batch', resources: ['jobs'], verbs: ['get', 'list', 'watch', 'create'] },
        { group: '', resources: ['configmaps'], verbs: ['get'] },
      ],
      'sb-system',
    );
    expect(manifests['cluster-role']).to.have.deep.property('rules', [
      { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get', 'list', 'watch'] },
    ]);
    expect(manifests['work-role']).to.have.deep.property('rules', [
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
      { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create'] },
    ]);
    const { roleRef } = namespaceBinding('sb-system');
    expect(roleRef).to.include({ kind: 'ClusterRole', name: 'sb-operator-work' });
  });

  it('allow what is read beyond the namespaces with Trials wherever the operator works', () => {
    const manifests = roles(
      [
        {
          group: 'discovery.k8s.io',
          resources: ['endpointslices'],
          verbs: ['get'],
          names: ['kubernetes'],
          scope: 'beyond',
        },
      ],
      'sb-system',
    );
    expect(manifests['cluster-role']).to.have.deep.property('rules', [
      {
        apiGroups: ['discovery.k8s.io'],
        resources: ['endpointslices'],
        resourceNames: ['kubernetes'],
        verbs: ['get'],
      },
    ]);
    expect(manifests['work-role']).to.have.deep.property('rules', []);
  });

  it('name the objects where one is all that is needed', () => {
    const rules = rulesOf([
      { group: '', resources: ['secrets'], verbs: ['get', 'update'], names: ['tls'] },
      { group: '', resources: ['secrets'], verbs: ['create'] },
    ]);
    expect(rules).to.deep.equal([
      { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['tls'], verbs: ['get', 'update'] },
    ]);
  });

  it('give nobody who may edit a namespace its Trials, unless the installation chooses so', () => {
    const { edit, view } = roles([], 'sb-system');
    for (const role of [edit, view]) expect(role).not.to.have.nested.property('metadata.labels');
  });

  it('let those who edit enter Sandboxes, and those who view only see them', () => {
    const { edit, view } = roles([], 'sb-system');
    expect(edit).to.have.deep.property('rules', [
      {
        apiGroups: ['sb.abundant.ai'],
        resources: ['sandboxes', 'taskbuilds', 'trials'],
        verbs: ['create', 'update', 'patch', 'delete'],
      },
      { apiGroups: ['sb.abundant.ai'], resources: ['sandboxes/exec', 'trials/exec'], verbs: ['create'] },
    ]);
    expect(view).to.have.deep.property('rules', [
      {
        apiGroups: ['sb.abundant.ai'],
        resources: ['sandboxes', 'taskbuilds', 'trials'],
        verbs: ['get', 'list', 'watch'],
      },
    ]);
  });

  it('let the broker ask who a caller is and what they may do, wherever it works', () => {
    const made = roles(brokerPermissions(BROKER), 'elsewhere');
    const rulesIn = (role: string) => (made[role] as { rules: object[] }).rules;
    for (const [group, resource] of [
      ['authentication.k8s.io', 'tokenreviews'],
      ['authorization.k8s.io', 'subjectaccessreviews'],
    ])
      expect(rulesIn('cluster-role')).to.deep.include({
        apiGroups: [group],
        resources: [resource],
        verbs: ['create'],
      });
    expect(made['authentication-reader-binding']).to.deep.include({
      kind: 'RoleBinding',
      metadata: { name: 'sb-operator-authentication-reader', namespace: 'kube-system' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'Role',
        name: 'extension-apiserver-authentication-reader',
      },
      subjects: [{ kind: 'ServiceAccount', name: 'sb-operator', namespace: 'elsewhere' }],
    });
  });

  it('let everybody who is logged in read what clients must know and reach the broker, and change nothing of it', () => {
    expect(clientAccess('sb-system')['client-role']).to.have.deep.property('rules', [
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: ['sb-broker-ca', 'sb-client'],
        verbs: ['get'],
      },
      {
        apiGroups: [''],
        resources: ['services/proxy'],
        resourceNames: ['https:sb-broker:8443'],
        verbs: ['get', 'create'],
      },
    ]);
    const own = (roles(brokerPermissions(BROKER), 'sb-system')['role'] as { rules: object[] }).rules;
    expect(own).to.deep.include({
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: ['sb-broker-ca'],
      verbs: ['get', 'update'],
    });
  });

  it('refuse wildcards', () => {
    expect(() => rulesOf([{ group: '', resources: ['pods'], verbs: ['*'] }])).to.throw('*');
  });
});

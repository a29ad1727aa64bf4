import { expect } from 'chai';
import { roleManifests, rulesOf } from './roles.ts';

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
    const manifests = roleManifests([
      { group: '', resources: ['secrets'], verbs: ['get'], scope: 'own' },
      { group: '', resources: ['pods'], verbs: ['get'] },
    ]);
    expect(manifests['cluster-role.yaml']).to.have.nested.property('rules[0].resources[0]', 'pods');
    expect(manifests['cluster-role.yaml']).to.have.property('rules').with.lengthOf(1);
    expect(manifests['role.yaml']).to.have.nested.property('metadata.namespace', 'sb-system');
    expect(manifests['role.yaml']).to.have.nested.property('rules[0].resources[0]', 'secrets');
  });

  it('refuse wildcards', () => {
    expect(() => rulesOf([{ group: '', resources: ['pods'], verbs: ['*'] }])).to.throw('*');
  });
});

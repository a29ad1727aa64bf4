import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import type { Namespace } from '../../../kube/kinds.ts';
import type { Found } from './check.ts';
import { judgeLatency, judgeClock, judgeKubernetes, judgeNamespace, judgeVersions } from './cluster.ts';
import { PURPOSES, judgePermissions, type Want } from './permissions.ts';

const states = (found: readonly Found[]): string[] => found.map(({ state }) => state);

describe('sb doctor about the cluster', () => {
  it('wants a Kubernetes that starts native sidecars, however its version is written', () => {
    const versions = ['v1.29.15', 'v1.30.0', 'v1.32.9-eks-113cf36', '1.36+'];
    expect(states(versions.flatMap(judgeKubernetes))).to.deep.equal(['problem', 'fine', 'fine', 'fine']);
  });

  it('warns of an API server that is slow', () => {
    expect(states([5, 1500].flatMap(judgeLatency))).to.deep.equal(['fine', 'warning']);
  });

  it('takes a clock that is off for a nuisance, and one that is far off for wrong', () => {
    expect(states([0, 5000, -6000, 400_000].flatMap(judgeClock))).to.deep.equal([
      'fine',
      'fine',
      'warning',
      'problem',
    ]);
    expect(judgeClock(-6000)[0]?.what).to.include('6.0 s behind the API server’s');
  });

  it('wants client and operator to be of one minor version', () => {
    expect(states(judgeVersions({ client: '0.1.0', operator: '0.1.9' }))).to.deep.equal(['fine']);
    expect(judgeVersions({ client: '0.1.0', operator: '0.2.0' })[0]?.fix).to.include('sb-operator@0.2.0');
  });

  it('knows a namespace that is missing, goes, or refuses containers that start as root', () => {
    const named = (more: Partial<Namespace['metadata']>): Namespace => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'a', ...more },
    });
    const enforce = (level: string) => ({ labels: { 'pod-security.kubernetes.io/enforce': level } });
    const judged = (found?: Namespace): string[] => states(judgeNamespace('a', found));
    expect(judged(named(enforce('baseline')))).to.deep.equal(['fine']);
    expect(judged()).to.deep.equal(['problem']);
    expect(judged(named({ deletionTimestamp: '2026-01-01T00:00:00Z' }))).to.deep.equal(['problem']);
    expect(judged(named(enforce('restricted')))).to.deep.equal(['problem']);
  });
});

describe('sb doctor about permissions', () => {
  const lacking = (lacks: (want: Want) => boolean) =>
    PURPOSES.map((purpose) => ({ ...purpose, lacks: purpose.wants.filter(lacks) }));
  const judged = (lacks: (want: Want) => boolean, user = 'jane'): Found[] =>
    judgePermissions({ user, namespace: 'a', missing: lacking(lacks) });

  it('says so where nothing is missing', () => {
    expect(states(judged(() => false))).to.deep.equal(['fine']);
  });

  it('takes what no run can do without for a problem, and the rest for a warning', () => {
    const found = judged(
      ({ resource, verb }) => resource === 'secrets' || (resource === 'trials' && verb === 'patch'),
    );
    expect(found.map(({ state, what }) => `${state} ${what}`)).to.deep.equal([
      'problem jane cannot use sb cloud run in namespace a',
      'warning jane cannot use sb cloud run --env-file in namespace a',
      'warning jane cannot use sb run delete in namespace a',
      'warning jane cannot use sb run rerun in namespace a',
    ]);
    expect(found[0]?.why).to.equal('may not patch trials.sb.abundant.ai');
    expect(found[1]?.why).to.equal('may not create, patch secrets');
    expect(found[2]?.why).to.equal('may not get, delete secrets');
  });

  it('gives all of it by one Role, each verb once, under the last of them', () => {
    const found = judged(({ resource }) => resource === 'pods' || resource === 'secrets');
    expect(found.map(({ manifest }) => manifest !== undefined)).to.deep.equal([
      false,
      false,
      false,
      false,
      false,
      true,
    ]);
    const metadata = { name: 'sb-user-d94c2c07', namespace: 'a' };
    expect(loadAll(found.at(-1)?.manifest ?? '')).to.deep.equal([
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata,
        rules: [
          { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'patch', 'get', 'delete'] },
          { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
          { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
          { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] },
        ],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
        subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }],
      },
    ]);
  });

  it('takes nothing away from what was applied before: other grants have other names', () => {
    const nameOf = (resource: string, user: string): string | undefined =>
      /name: (sb-user-\w+)/.exec(
        judged((want) => want.resource === resource, user).at(-1)?.manifest ?? '',
      )?.[1];
    const names = [nameOf('trials', 'jane'), nameOf('pods', 'jane'), nameOf('trials', 'joe')];
    expect(new Set([...names, nameOf('trials', 'jane')]).size).to.equal(3);
    expect(names).to.not.include(undefined);
  });

  it('binds whoever uses a ServiceAccount’s token as that account', () => {
    const found = judged(({ resource }) => resource === 'taskbuilds', 'system:serviceaccount:ci:runner').at(
      -1,
    );
    expect(found?.manifest).to.include('  - kind: ServiceAccount\n    name: runner\n    namespace: ci\n');
  });
});

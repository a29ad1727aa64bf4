import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import type { Namespace } from '../../../kube/kinds.ts';
import type { Found } from './check.ts';
import { resultsOf } from '../../../../test/support/client/doctor.ts';
import { clusterChecks, judgeLatency } from './cluster.ts';
import { permissions } from './permissions.ts';

type Looks = Parameters<typeof resultsOf>[1];

const states = (found: readonly Found[]): string[] => found.map(({ state }) => state);

describe('sb doctor about the cluster', () => {
  const found = (name: string, looks: Looks): Promise<Found[]> =>
    resultsOf(
      clusterChecks.find((check) => check.name === name),
      looks,
    );

  it('wants a Kubernetes that has all that the installation needs, however its version is written', async () => {
    const versions = ['v1.30.14', 'v1.31.0', 'v1.32.9-eks-113cf36', '1.36+'];
    const judged = versions.map((gitVersion) => {
      const transport = { send: async () => JSON.stringify({ gitVersion }) };
      return found('kubernetes', { session: { kubeParts: { transport } as never } });
    });
    expect(states((await Promise.all(judged)).flat())).to.deep.equal(['problem', 'fine', 'fine', 'fine']);
  });

  it('warns of an API server that is slow', () => {
    expect(states([5, 1500].flatMap(judgeLatency))).to.deep.equal(['fine', 'warning']);
  });

  it('takes a clock that is off for a nuisance, and one that is far off for wrong', async () => {
    const judged = (aheadMs: number): Promise<Found[]> =>
      found('clock', { patient: { identity: async () => ({ user: 'jane', aheadMs }) } });
    expect(states((await Promise.all([0, 5000, -6000, 400_000].map(judged))).flat())).to.deep.equal([
      'fine',
      'fine',
      'warning',
      'problem',
    ]);
    expect((await judged(-6000))[0]?.what).to.include('6.0 s behind the API server’s');
  });

  it('wants client and operator to be of one minor version', async () => {
    const judged = (operatorVersion: string): Promise<Found[]> =>
      found('versions', { session: { client: async () => ({ operatorVersion }) as never } });
    expect(states(await judged('0.1.9'))).to.deep.equal(['fine']);
    expect((await judged('0.2.0'))[0]?.fix).to.include('sb-operator@0.2.0');
  });

  it('knows a namespace that is missing, goes, or refuses containers that start as root', async () => {
    const named = (more: Partial<Namespace['metadata']>): Namespace => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'a', ...more },
    });
    const enforce = (level: string) => ({ labels: { 'pod-security.kubernetes.io/enforce': level } });
    const judged = async (there?: Namespace): Promise<string[]> =>
      states(await found('namespace', { objects: { Namespace: there ? [there] : [] } }));
    expect(await judged(named(enforce('baseline')))).to.deep.equal(['fine']);
    expect(await judged()).to.deep.equal(['problem']);
    expect(await judged(named({ deletionTimestamp: '2026-01-01T00:00:00Z' }))).to.deep.equal(['problem']);
    expect(await judged(named(enforce('restricted')))).to.deep.equal(['warning']);
  });

  it('says which Pod Security level a namespace enforces, and why it refuses Trials', async () => {
    const about = async (labels: Record<string, string>): Promise<string> => {
      const metadata = { name: 'a', labels };
      const namespace: Namespace = { apiVersion: 'v1', kind: 'Namespace', metadata };
      const [result] = await found('namespace', { objects: { Namespace: [namespace] } });
      return `${result?.what}; ${result?.why}`;
    };
    const label = 'pod-security.kubernetes.io/enforce';
    expect(await about({ [label]: 'restricted' })).to.include(
      'it enforces Pod Security restricted; a Trial meets that where environment, agent and verifier have one user by its number and environment.allowPrivilegeEscalation is false, and baseline otherwise: container task starts as root',
    );
    expect(await about({ [label]: 'baseline' })).to.include(
      'enforces Pod Security baseline, and takes Trials',
    );
    expect(await about({})).to.include('enforces no Pod Security level');
  });

  it('says which users OpenShift gives a namespace, and which Trials can be theirs', async () => {
    const annotations = { 'openshift.io/sa.scc.uid-range': '1000680000/10000' };
    const namespace: Namespace = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'a', annotations },
    };
    const [result] = await found('namespace', { objects: { Namespace: [namespace] } });
    expect(result).to.include({ state: 'warning', what: 'namespace a may refuse most Trials' });
    expect(result?.why).to.include('users 1000680000 to 1000689999');
  });
});

describe('sb doctor about permissions', () => {
  type Want = Record<'verb' | 'resource', string> & { subresource?: string };
  const judged = (lacks: (want: Want) => boolean, user = 'jane'): Promise<Found[]> =>
    resultsOf(permissions, {
      kube: {
        create: async (_kind: unknown, review: object) => {
          const { resourceAttributes } = (review as { spec: { resourceAttributes: Want } }).spec;
          return { ...review, status: { allowed: !lacks(resourceAttributes) } } as never;
        },
      },
      patient: { identity: async () => ({ user, aheadMs: 0 }) },
    });

  it('says so where nothing is missing', async () => {
    expect(states(await judged(() => false))).to.deep.equal(['fine']);
  });

  it('takes what no run can do without for a problem, and the rest for a warning', async () => {
    const found = await judged(
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

  it('gives all of it by one Role, each verb once, under the last of them', async () => {
    const found = await judged(
      ({ resource, subresource }) => resource === 'pods' || resource === 'secrets' || subresource === 'exec',
    );
    expect(found.map(({ manifest }) => manifest !== undefined)).to.deep.equal([
      false,
      false,
      false,
      false,
      false,
      true,
    ]);
    const metadata = { name: 'sb-user-d65548af', namespace: 'a' };
    expect(loadAll(found.at(-1)?.manifest ?? '')).to.deep.equal([
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata,
        rules: [
          { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'patch', 'get', 'delete'] },
          { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
          { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
          { apiGroups: ['sb.abundant.ai'], resources: ['trials/exec'], verbs: ['create'] },
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

  it('takes nothing away from what was applied before: other grants have other names', async () => {
    const nameOf = async (resource: string, user: string): Promise<string | undefined> =>
      /name: (sb-user-\w+)/.exec(
        (await judged((want) => want.resource === resource, user)).at(-1)?.manifest ?? '',
      )?.[1];
    const names = [
      await nameOf('trials', 'jane'),
      await nameOf('pods', 'jane'),
      await nameOf('trials', 'joe'),
    ];
    expect(new Set([...names, await nameOf('trials', 'jane')]).size).to.equal(3);
    expect(names).to.not.include(undefined);
  });

  it('binds whoever uses a ServiceAccount’s token as that account', async () => {
    const found = await judged(
      ({ resource }) => resource === 'taskbuilds',
      'system:serviceaccount:ci:runner',
    );
    expect(found.at(-1)?.manifest).to.include(
      '  - kind: ServiceAccount\n    name: runner\n    namespace: ci\n',
    );
  });
});

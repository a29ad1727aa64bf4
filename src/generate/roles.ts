/** RBAC, made of what the parts of the operator say they do. */
import { GROUP } from '../crds/names.ts';
import type { Permission } from '../kube/types.ts';

/** ServiceAccount of the operator and its namespace. */
const OPERATOR = { name: 'sb-operator', namespace: 'sb-system' } as const;

const RBAC_GROUP = 'rbac.authorization.k8s.io';

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** Verbs in the order in which people list them. */
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];

/** The same permissions with every resource once: verbs united, resources of equal verbs in one rule, sorted. */
export function rulesOf(permissions: readonly Permission[]): Rule[] {
  const single = permissions.flatMap(({ group, resources, verbs }) =>
    resources.map((resource) => ({ group, resource, verbs })),
  );
  const byResource = Map.groupBy(single, ({ group, resource }) => `${group} ${resource}`);
  const united = [...byResource.keys()].sort().map((key) => {
    const [group = '', resource = ''] = key.split(' ');
    return { group, resource, verbs: inOrder(byResource.get(key)?.flatMap(({ verbs }) => verbs) ?? []) };
  });
  const byVerbs = Map.groupBy(united, ({ group, verbs }) => `${group} ${verbs.join()}`);
  return [...byVerbs.values()].map((alike) => ({
    apiGroups: [alike[0]?.group ?? ''],
    resources: alike.map(({ resource }) => resource),
    verbs: alike[0]?.verbs ?? [],
  }));
}

/** Throws on a verb that the list does not know, `*` among them: this operator asks for what it uses. */
function inOrder(verbs: string[]): string[] {
  const unknown = verbs.filter((verb) => !VERBS.includes(verb));
  if (unknown.length > 0) throw new Error(`no verb of this operator's: ${unknown.join()}`);
  return VERBS.filter((verb) => verbs.includes(verb));
}

/** Manifests by file name: the operator's role in all namespaces, its role in its own, and what users get by Kubernetes' `view` and `edit`. */
export function roleManifests(permissions: readonly Permission[]): Record<string, object> {
  const everywhere = permissions.filter(({ scope }) => scope !== 'own');
  const own = permissions.filter(({ scope }) => scope === 'own');
  return {
    'cluster-role.yaml': role('ClusterRole', { name: OPERATOR.name }, rulesOf(everywhere)),
    'cluster-role-binding.yaml': binding('ClusterRole', { name: OPERATOR.name }),
    'role.yaml': role('Role', OPERATOR, rulesOf(own)),
    'role-binding.yaml': binding('Role', OPERATOR),
    'view.yaml': userRole('view', ['get', 'list', 'watch']),
    'edit.yaml': userRole('edit', ['create', 'update', 'patch', 'delete']),
  };
}

const role = (kind: 'Role' | 'ClusterRole', metadata: object, rules: Rule[]): object => ({
  apiVersion: `${RBAC_GROUP}/v1`,
  kind,
  metadata,
  rules,
});

const binding = (kind: 'Role' | 'ClusterRole', metadata: object): object => ({
  apiVersion: `${RBAC_GROUP}/v1`,
  kind: `${kind}Binding`,
  metadata,
  roleRef: { apiGroup: RBAC_GROUP, kind, name: OPERATOR.name },
  subjects: [{ kind: 'ServiceAccount', ...OPERATOR }],
});

/** A role that Kubernetes adds to its own `view`, or to `edit` and with it `admin`, in every namespace. */
function userRole(of: 'view' | 'edit', verbs: string[]): object {
  const labels = { [`${RBAC_GROUP}/aggregate-to-${of}`]: 'true' };
  return role('ClusterRole', { name: `sb-${of}`, labels }, [
    { apiGroups: [GROUP], resources: ['taskbuilds', 'trials'], verbs },
  ]);
}

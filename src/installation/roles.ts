/** RBAC, made of what the parts of the operator say they do. */
import { GROUP } from '../crds/names.ts';
import type { Permission } from '../kube/types.ts';
import { OPERATOR, WORK_ROLE } from './names.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io';

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** Verbs in the order in which people list them. */
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];

/** The same permissions with every resource once, or once for the names it is restricted to: verbs united, resources of equal verbs in one rule, sorted. */
export function rulesOf(permissions: readonly Permission[]): Rule[] {
  const single = permissions.flatMap(({ group, resources, verbs, names = [] }) =>
    resources.map((resource) => ({ group, resource, verbs, names })),
  );
  const byResource = Map.groupBy(
    single,
    ({ group, resource, names }) => `${group} ${resource} ${names.join()}`,
  );
  const united = [...byResource.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, alike]) => ({ ...alike[0]!, verbs: inOrder(alike.flatMap(({ verbs }) => verbs)) }));
  const byVerbs = Map.groupBy(
    united,
    ({ group, names, verbs }) => `${group} ${names.join()} ${verbs.join()}`,
  );
  return [...byVerbs.values()].map((alike) => {
    const { group, names, verbs } = alike[0]!;
    const resources = alike.map(({ resource }) => resource);
    return { apiGroups: [group], resources, ...(names.length > 0 && { resourceNames: names }), verbs };
  });
}

/** Throws on a verb that the list does not know, `*` among them: this operator asks for what it uses. */
function inOrder(verbs: string[]): string[] {
  const unknown = verbs.filter((verb) => !VERBS.includes(verb));
  if (unknown.length > 0) throw new Error(`no verb of this operator's: ${unknown.join()}`);
  return VERBS.filter((verb) => verbs.includes(verb));
}

const WATCHING = ['get', 'list', 'watch'];

/** What the caches of all namespaces need, apart from what is done to objects and may be allowed namespace by namespace. */
function watchedAndDone(permissions: readonly Permission[]): { watched: Rule[]; done: Rule[] } {
  const rules = rulesOf(permissions);
  const isWatched = (rule: Rule): boolean => rule.verbs.includes('watch');
  const only = (rule: Rule, keep: (verb: string) => boolean): Permission[] => {
    const verbs = rule.verbs.filter(keep);
    if (verbs.length === 0) return [];
    const { apiGroups, resources, resourceNames: names } = rule;
    return [{ group: apiGroups[0] ?? '', resources, verbs, ...(names && { names }) }];
  };
  return {
    watched: rulesOf(
      rules.filter(isWatched).flatMap((rule) => only(rule, (verb) => WATCHING.includes(verb))),
    ),
    done: rulesOf(
      rules.flatMap((rule) => only(rule, (verb) => !isWatched(rule) || !WATCHING.includes(verb))),
    ),
  };
}

/**
 * Manifests by file name: what the operator watches in all namespaces; what it does in namespaces with Trials, allowed in all of them by one
 * ClusterRoleBinding; what it does in its own; and what people may be given.
 */
export function roleManifests(permissions: readonly Permission[]): Record<string, object> {
  const everywhere = permissions.filter(({ scope }) => scope !== 'own');
  const own = permissions.filter(({ scope }) => scope === 'own');
  const { watched, done } = watchedAndDone(everywhere);
  return {
    'cluster-role.yaml': role('ClusterRole', { name: OPERATOR.name }, watched),
    'cluster-role-binding.yaml': binding('ClusterRole', OPERATOR.name, { name: OPERATOR.name }),
    'work-role.yaml': role('ClusterRole', { name: WORK_ROLE }, done),
    'work-role-binding.yaml': binding('ClusterRole', WORK_ROLE, { name: WORK_ROLE }),
    'role.yaml': role('Role', OPERATOR, rulesOf(own)),
    'role-binding.yaml': binding('Role', OPERATOR.name, OPERATOR),
    'view.yaml': userRole('view', ['get', 'list', 'watch']),
    'edit.yaml': userRole('edit', ['create', 'update', 'patch', 'delete']),
  };
}

/** The work of the operator in one namespace: whichever it is applied to. */
export const namespaceBinding = (): object => ({
  ...binding('ClusterRole', WORK_ROLE, { name: OPERATOR.name }),
  kind: 'RoleBinding',
});

const role = (kind: 'Role' | 'ClusterRole', metadata: object, rules: Rule[]): object => ({
  apiVersion: `${RBAC_GROUP}/v1`,
  kind,
  metadata,
  rules,
});

const binding = (kind: 'Role' | 'ClusterRole', name: string, metadata: object): object => ({
  apiVersion: `${RBAC_GROUP}/v1`,
  kind: `${kind}Binding`,
  metadata,
  roleRef: { apiGroup: RBAC_GROUP, kind, name },
  subjects: [{ kind: 'ServiceAccount', ...OPERATOR }],
});

/** A role for people: `config/components/aggregate` adds it to Kubernetes' own `view`, or to `edit` and with it `admin`. */
const userRole = (of: 'view' | 'edit', verbs: string[]): object =>
  role('ClusterRole', { name: `sb-${of}` }, [
    { apiGroups: [GROUP], resources: ['taskbuilds', 'trials'], verbs },
  ]);

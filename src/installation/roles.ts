/** RBAC, made of what the parts of the operator say they do. */
import { AGENTS_NAMESPACE, GROUP } from '../crds/names.ts';
import type { KubeObject, ObjectMeta, Permission } from '../kube/types.ts';
import { BROKER, CLIENT_CONFIG, EDIT_ROLE, INSTALLED_IN, OPERATOR, VIEW_ROLE, WORK_ROLE } from './names.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io';
const RBAC_VERSION = `${RBAC_GROUP}/v1`;

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

export interface Role extends KubeObject {
  kind: 'Role' | 'ClusterRole';
  rules: Rule[];
}

export interface Binding extends KubeObject {
  kind: 'RoleBinding' | 'ClusterRoleBinding';
  roleRef: { apiGroup: string; kind: 'Role' | 'ClusterRole'; name: string };
  subjects: { apiGroup?: string; kind: 'ServiceAccount' | 'Group'; name: string; namespace?: string }[];
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
 * What the operator watches in all namespaces, and reads beyond those with Trials; what it does in namespaces with Trials, allowed in all of them by one ClusterRoleBinding; what
 * it does in its own `namespace`; and what people may be given.
 */
export function roles(permissions: readonly Permission[], namespace: string): Record<string, Role | Binding> {
  const scoped = (wanted: Permission['scope']) => permissions.filter(({ scope }) => scope === wanted);
  const { watched, done } = watchedAndDone(scoped(undefined));
  const { name } = OPERATOR;
  const binding = (metadata: ObjectMeta, to: string) => bindingOf({ metadata, role: to, namespace });
  return {
    'cluster-role': roleOf({ name }, [...watched, ...rulesOf(scoped('beyond'))]),
    'cluster-role-binding': binding({ name }, name),
    'work-role': roleOf({ name: WORK_ROLE }, done),
    'work-role-binding': workBinding(namespace),
    role: roleOf({ name, namespace }, rulesOf(scoped('own'))),
    'role-binding': binding({ name, namespace }, name),
    'authentication-reader-binding': authenticationReader(namespace),
    view: roleOf({ name: VIEW_ROLE }, [onOurKinds(['get', 'list', 'watch'])]),
    edit: roleOf({ name: EDIT_ROLE }, [onOurKinds(['create', 'update', 'patch', 'delete']), ENTERS]),
  };
}

/** The work of the operator of `namespace` in all namespaces. */
export const workBinding = (namespace: string): Binding =>
  bindingOf({ metadata: { name: WORK_ROLE }, role: WORK_ROLE, namespace });

/** The work of the operator of `namespace` in one other namespace: whichever it is applied to. */
export const namespaceBinding = (namespace: string): Binding => ({
  ...bindingOf({ metadata: { name: OPERATOR.name }, role: WORK_ROLE, namespace }),
  kind: 'RoleBinding',
});

/** The same where programs of agents are built, whatever an admin allows in others. */
export const agentsBinding = (namespace: string): Binding => ({
  ...namespaceBinding(namespace),
  metadata: { name: WORK_ROLE, namespace: AGENTS_NAMESPACE },
});

/** What Kubernetes itself keeps for servers that ask who a caller is: with which CA the cluster signs certificates of users. */
const authenticationReader = (namespace: string): Binding => {
  const metadata = { name: `${OPERATOR.name}-authentication-reader`, namespace: 'kube-system' };
  return bindingOf({ metadata, role: 'extension-apiserver-authentication-reader', namespace });
};

/** A Role where `metadata` names a namespace, else a ClusterRole. */
const roleOf = (metadata: ObjectMeta, rules: Rule[]): Role => ({
  apiVersion: RBAC_VERSION,
  kind: kindIn(metadata),
  metadata,
  rules,
});

const kindIn = ({ namespace }: ObjectMeta): 'Role' | 'ClusterRole' =>
  namespace === undefined ? 'ClusterRole' : 'Role';

interface Bound {
  metadata: ObjectMeta;
  /** A Role of the same namespace, or a ClusterRole where `metadata` names none. */
  role: string;
  /** Of the operator. */
  namespace: string;
}

const bindingOf = ({ metadata, role, namespace }: Bound): Binding => ({
  apiVersion: RBAC_VERSION,
  kind: `${kindIn(metadata)}Binding`,
  metadata,
  roleRef: { apiGroup: RBAC_GROUP, kind: kindIn(metadata), name: role },
  subjects: [{ kind: 'ServiceAccount', name: OPERATOR.name, namespace }],
});

/** A rule for people. */
const onOurKinds = (verbs: string[]): Rule => ({
  apiGroups: [GROUP],
  resources: ['sandboxes', 'taskbuilds', 'trials'],
  verbs,
});

/** Running commands and moving files: no such resource exists, but the broker asks the API server whether a caller may create it. */
const ENTERS: Rule = { apiGroups: [GROUP], resources: ['sandboxes/exec', 'trials/exec'], verbs: ['create'] };

/** Labels that have Kubernetes add the roles for people to its own `view`, and to `edit` and with it `admin`. */
export const aggregated = (): KubeObject[] =>
  [
    [VIEW_ROLE, 'view'],
    [EDIT_ROLE, 'edit'],
  ].map(([name = '', to]) => ({
    apiVersion: RBAC_VERSION,
    kind: 'ClusterRole',
    metadata: { name, labels: { [`rbac.authorization.k8s.io/aggregate-to-${to}`]: 'true' } },
  }));

/**
 * Everybody who is logged in may read what clients must know, two ConfigMaps by name which hold no secret, and knock at the broker. Credentials are each user's own.
 * Where that is, a ClusterRole says that lets everybody read itself: no namespace has to have a certain name, and whoever may create namespaces can lead no client astray.
 */
export function clientAccess(namespace: string): Record<string, Role | Binding> {
  const metadata = { name: CLIENT_CONFIG, namespace };
  const everybody = [{ apiGroup: RBAC_GROUP, kind: 'Group' as const, name: 'system:authenticated' }];
  const place = { name: CLIENT_CONFIG, annotations: { [INSTALLED_IN]: namespace } };
  return {
    'client-cluster-role': roleOf(place, [
      {
        apiGroups: [RBAC_GROUP],
        resources: ['clusterroles'],
        resourceNames: [CLIENT_CONFIG],
        verbs: ['get'],
      },
    ]),
    'client-cluster-role-binding': {
      apiVersion: RBAC_VERSION,
      kind: 'ClusterRoleBinding',
      metadata: { name: CLIENT_CONFIG },
      roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: CLIENT_CONFIG },
      subjects: everybody,
    },
    'client-role': roleOf(metadata, [
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: [BROKER.authority, CLIENT_CONFIG],
        verbs: ['get'],
      },
      // A way to the broker from outside of the cluster. Whom it lets in is for `sandboxes/exec` and `trials/exec` to say.
      {
        apiGroups: [''],
        resources: ['services/proxy'],
        resourceNames: [`https:${BROKER.service}:${BROKER.port}`],
        verbs: ['get', 'create'],
      },
    ]),
    'client-role-binding': {
      apiVersion: RBAC_VERSION,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC_GROUP, kind: 'Role', name: CLIENT_CONFIG },
      subjects: everybody,
    },
  };
}

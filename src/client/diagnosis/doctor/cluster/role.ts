/** Pure: missing permissions as what an administrator applies. */
import { sha256 } from '../../../../crds/names.ts';
import type { Want } from './needs.ts';

export interface Grant {
  namespace: string;
  user: string;
  wants: readonly Want[];
}

const API = 'rbac.authorization.k8s.io';

const resourceOf = ({ resource, subresource }: Want): string =>
  subresource === undefined ? resource : `${resource}/${subresource}`;

/** One rule a resource, its verbs in the order in which they are wanted, each once. */
function rulesOf(wants: readonly Want[]): object[] {
  const byResource = new Map<string, { group: string; verbs: Set<string> }>();
  for (const want of wants) {
    const key = resourceOf(want);
    const rule = byResource.get(key) ?? { group: want.group, verbs: new Set() };
    byResource.set(key, rule);
    rule.verbs.add(want.verb);
  }
  return [...byResource].map(([resource, { group, verbs }]) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: [...verbs],
  }));
}

/** Users of a ServiceAccount's token are bound as that account. */
function subjectOf(user: string): object {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  return name === undefined
    ? { kind: 'User', name: user, apiGroup: API }
    : { kind: 'ServiceAccount', name, namespace };
}

/**
 * A Role that gives what is missing, and its RoleBinding. Their name is of what they give and to whom: applied later, for more or for
 * another user, they take nothing away.
 */
export function roleAndBinding({ namespace, user, wants }: Grant): object[] {
  const rules = rulesOf(wants);
  const name = `sb-user-${sha256(JSON.stringify([user, rules])).slice(0, 8)}`;
  const metadata = { name, namespace };
  return [
    { apiVersion: `${API}/v1`, kind: 'Role', metadata, rules },
    {
      apiVersion: `${API}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: API, kind: 'Role', name },
      subjects: [subjectOf(user)],
    },
  ];
}

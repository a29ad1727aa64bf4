/** Every permission that `sb` uses in the namespace of a run, which of them are missing, and what an administrator applies to give them. */
import { dump } from 'js-yaml';
import { GROUP, sha256 } from '../../../crds/names.ts';
import { missingOf, type Need } from '../../session/preflight.ts';
import { fine, type Check, type Found, type Patient } from './check.ts';

interface Purpose {
  /** `sb cloud run`. */
  command: string;
  wants: readonly Need[];
  /** Nothing can be run without it. */
  essential: boolean;
}

const on = (group: string, resource: string, verbs: readonly string[]): Need[] =>
  verbs.map((verb) => ({ verb, group, resource }));

const PURPOSES: readonly Purpose[] = [
  {
    command: 'sb cloud run',
    essential: true,
    wants: on(GROUP, 'trials', ['create', 'patch', 'get', 'list', 'watch']),
  },
  {
    command: 'sb cloud run --force-build',
    essential: false,
    wants: on(GROUP, 'taskbuilds', ['create', 'patch', 'get', 'list']),
  },
  { command: 'sb cloud run --env-file', essential: false, wants: on('', 'secrets', ['create', 'patch']) },
  {
    command: 'sb run delete',
    essential: false,
    wants: [
      ...on(GROUP, 'trials', ['delete']),
      ...on(GROUP, 'taskbuilds', ['list', 'delete']),
      ...on('', 'secrets', ['get', 'delete']),
    ],
  },
  { command: 'sb run rerun', essential: false, wants: on('', 'secrets', ['get', 'create']) },
  {
    command: 'sb trial explain',
    essential: false,
    wants: [
      ...on('', 'pods', ['get', 'list']),
      ...on('', 'events', ['list']),
      ...on('batch', 'jobs', ['get', 'list']),
    ],
  },
  {
    command: 'sb trial logs',
    essential: false,
    wants: [{ verb: 'get', group: '', resource: 'pods', subresource: 'log' }],
  },
  {
    command: 'sb trial debug',
    essential: false,
    wants: [{ verb: 'create', group: GROUP, resource: 'trials', subresource: 'exec' }],
  },
];

/** Who asks, where, and what of each purpose is missing. */
interface Allowed {
  user: string;
  namespace: string;
  missing: readonly (Purpose & { lacks: readonly Need[] })[];
}

/** `create, patch trials.sb.abundant.ai; get pods/log`. */
function words(wants: readonly Need[]): string {
  const byResource = Map.groupBy(wants, ({ group, resource, subresource }) =>
    [`${resource}${group && `.${group}`}`, subresource].filter((part) => part !== undefined).join('/'),
  );
  return [...byResource].map(([name, all]) => `${all.map(({ verb }) => verb).join(', ')} ${name}`).join('; ');
}

/** One Role for everything that is missing: the first result that names it has it. */
function judgePermissions({ user, namespace, missing }: Allowed): Found[] {
  const lacking = missing.filter(({ lacks }) => lacks.length > 0);
  if (lacking.length === 0) return [fine(`${user} may do everything that sb does in namespace ${namespace}`)];
  const wants = lacking.flatMap(({ lacks }) => lacks);
  const manifest = roleAndBinding({ namespace, user, wants })
    .map((document) => dump(document, { noRefs: true }))
    .join('---\n');
  return lacking.map(({ command, essential, lacks }, index) => ({
    state: essential ? 'problem' : 'warning',
    what: `${user} cannot use ${command} in namespace ${namespace}`,
    why: `may not ${words(lacks)}`,
    ...(index === lacking.length - 1 && { fix: 'an administrator of the cluster runs:', manifest }),
  }));
}

/** Asks the API server about each permission; everybody who is logged in may ask about themselves. */
export const permissions: Check<Patient> = {
  name: 'permissions',
  subject: 'what you may do',
  async run({ session, identity }) {
    const [user, missing] = await Promise.all([
      // What may not be done is worth knowing without a name, too.
      identity().then(
        (known) => known.user,
        () => '<you>',
      ),
      Promise.all(
        PURPOSES.map(async (purpose) => ({ ...purpose, lacks: await missingOf(session, purpose.wants) })),
      ),
    ]);
    return judgePermissions({ user, namespace: session.namespace, missing });
  },
};

interface Grant {
  namespace: string;
  user: string;
  wants: readonly Need[];
}

const API = 'rbac.authorization.k8s.io';

const resourceOf = ({ resource, subresource }: Need): string =>
  subresource === undefined ? resource : `${resource}/${subresource}`;

/** One rule a resource, its verbs in the order in which they are wanted, each once. */
function rulesOf(wants: readonly Need[]): object[] {
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
function roleAndBinding({ namespace, user, wants }: Grant): object[] {
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

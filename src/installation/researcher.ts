/** What a researcher has in a cluster: a namespace of their own, its bounds, and who may work there. */
import { LABEL, PREFIX } from '../crds/names.ts';
import { MONTHLY_BUDGET, RESEARCHER, USER_ID } from '../crds/namespace-rules.ts';
import type { KubeObject } from '../kube/types.ts';
import { limitRange } from './aws/cluster/namespaces.ts';
import { EDIT_ROLE, NAMESPACE_LABEL, VIEW_ROLE } from './names.ts';

/** On the namespace of a researcher: the IAM role whose sessions are theirs. */
export const RESEARCHER_ROLE = `${PREFIX}researcher-role`;

const RBAC = 'rbac.authorization.k8s.io';
/** Of all objects that come with a researcher. */
const NAME = 'sb-researcher';

/** The group of Kubernetes that a researcher is in: an access entry of EKS puts their IAM role into it. */
export const groupOf = (name: string): string => `sb:researcher:${name}`;

/** What all of a researcher's Pods may ask for at a time. */
export interface Bounds {
  cpu: string;
  memory: string;
  gpus: string;
  storage: string;
}

export interface Researcher {
  /** Of the namespace, too. */
  name: string;
  /** US dollars. */
  monthly: string;
  bounds: Bounds;
  /** ARN. */
  role?: string;
}

const PODS = '200';

/** In the order in which they can be applied. */
export const researcherObjects = (researcher: Researcher): KubeObject[] => [
  namespaceOf(researcher),
  quotaOf(researcher),
  limitRange(researcher.name),
  nothingByDefault(researcher.name),
  roleOf(researcher.name),
  ...[VIEW_ROLE, EDIT_ROLE].map((role) => bindingOf(researcher.name, { kind: 'ClusterRole', name: role })),
  bindingOf(researcher.name, { kind: 'Role', name: NAME }),
];

const namespaceOf = ({ name, monthly, role }: Researcher): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name,
    labels: {
      [NAMESPACE_LABEL.key]: NAMESPACE_LABEL.value,
      [RESEARCHER]: name,
      [USER_ID]: name,
      [MONTHLY_BUDGET]: monthly,
    },
    ...(role !== undefined && { annotations: { [RESEARCHER_ROLE]: role } }),
  },
});

type Quota = KubeObject & { spec: { hard: Record<string, string> } };

/** What is not in the budget is bounded here: disks, and what opens the namespace to the outside. */
const quotaOf = ({ name, bounds: { cpu, memory, gpus, storage } }: Researcher): Quota => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: NAME, namespace: name },
  spec: {
    hard: {
      pods: PODS,
      'requests.cpu': cpu,
      'requests.memory': memory,
      'requests.nvidia.com/gpu': gpus,
      'requests.storage': storage,
      'services.loadbalancers': '0',
      'services.nodeports': '0',
    },
  },
});

type Policy = KubeObject & { spec: object };

/** The operator opens, for the Pods of Trials and Sandboxes, what they are to reach. A build's Pod has its builder to reach. */
const nothingByDefault = (namespace: string): Policy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: NAME, namespace },
  spec: {
    podSelector: { matchExpressions: [{ key: LABEL.taskBuild, operator: 'DoesNotExist' }] },
    policyTypes: ['Ingress', 'Egress'],
  },
});

const READ = ['get', 'list', 'watch'];
const ALL = [...READ, 'create', 'update', 'patch', 'delete'];

type Role = KubeObject & { rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[] };

/** Beside Trials, TaskBuilds and Sandboxes: tasks and keys. Pods are to look at, and nothing that sets bounds is theirs to change. */
const roleOf = (namespace: string): Role => ({
  apiVersion: `${RBAC}/v1`,
  kind: 'Role',
  metadata: { name: NAME, namespace },
  rules: [
    { apiGroups: [''], resources: ['configmaps', 'secrets'], verbs: ALL },
    {
      apiGroups: [''],
      resources: ['events', 'limitranges', 'persistentvolumeclaims', 'pods', 'pods/log', 'resourcequotas'],
      verbs: READ,
    },
    { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] },
    { apiGroups: ['batch'], resources: ['jobs'], verbs: READ },
    { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: READ },
  ],
});

type Binding = KubeObject & { roleRef: object; subjects: object[] };

const bindingOf = (namespace: string, { kind, name }: { kind: string; name: string }): Binding => ({
  apiVersion: `${RBAC}/v1`,
  kind: 'RoleBinding',
  metadata: { name: name === NAME ? NAME : `${NAME}-${name}`, namespace },
  roleRef: { apiGroup: RBAC, kind, name },
  subjects: [{ apiGroup: RBAC, kind: 'Group', name: groupOf(namespace) }],
});

/** What the peer is in the cluster: the operator's own StatefulSet with another program in it, and the rights of that program. */
import type { StatefulSet, Job } from '../../src/kube/kinds.ts';
import { TEMPORARY } from '../../test/support/temporary.ts';

/** Its StatefulSet, lease and ServiceAccount, in a namespace of its own. */
export const PEER = { name: 'peer', namespace: 'peer-bench' } as const;
export const GROUP = 'peer.bench';

type JobSpec = NonNullable<Job['spec']>;
type PodSpec = NonNullable<NonNullable<StatefulSet['spec']>['template']['spec']>;

const LABELS = { 'app.kubernetes.io/name': PEER.name };
const FOLDER = '/etc/peer';
const FILE = 'job.json';
const ROLES = 'rbac.authorization.k8s.io';
const inNamespace = { name: PEER.name, namespace: PEER.namespace };
const inCluster = { name: PEER.namespace, labels: TEMPORARY };

const rule = (group: string, resources: string[], verbs: string[]) => ({
  apiGroups: [group],
  resources,
  verbs,
});

/** It reads from caches alone. */
const WORK = [
  rule(GROUP, ['peertrials'], ['list', 'watch']),
  rule(GROUP, ['peertrials/status'], ['update']),
  rule('batch', ['jobs'], ['list', 'watch', 'create']),
  rule('', ['pods'], ['list', 'watch']),
];

/** To lead, and to say so. */
const LEADING = [
  rule('coordination.k8s.io', ['leases'], ['create']),
  { ...rule('coordination.k8s.io', ['leases'], ['get', 'update']), resourceNames: [PEER.name] },
  rule('', ['events'], ['create', 'patch']),
];

function bound(kind: 'Role' | 'ClusterRole', rules: object[]): object[] {
  const metadata = kind === 'Role' ? inNamespace : inCluster;
  const subjects = [{ kind: 'ServiceAccount', ...inNamespace }];
  const apiVersion = `${ROLES}/v1`;
  const roleRef = { apiGroup: ROLES, kind, name: metadata.name };
  return [
    { apiVersion, kind, metadata, rules },
    { apiVersion, kind: `${kind}Binding`, metadata, roleRef, subjects },
  ];
}

/** With the limits, the places, the probes and as many replicas as the operator has. Its Pods keep apart from each other as the operator's do. */
export function inPlaceOf(operator: StatefulSet, image: string): StatefulSet {
  const { replicas, serviceName, podManagementPolicy, updateStrategy, template } = operator.spec!;
  const { affinity, nodeSelector, tolerations, topologySpreadConstraints, ...pod } = template.spec!;
  const [container] = pod.containers;
  const { ports, resources, livenessProbe, readinessProbe, startupProbe, securityContext } = container!;
  const own = <T>(rules: T): T =>
    JSON.parse(JSON.stringify(rules).replaceAll(operator.metadata.name, PEER.name)) as T;
  const spec = {
    serviceAccountName: PEER.name,
    ...own({ affinity, topologySpreadConstraints }),
    nodeSelector,
    tolerations,
    priorityClassName: pod.priorityClassName,
    enableServiceLinks: pod.enableServiceLinks,
    terminationGracePeriodSeconds: pod.terminationGracePeriodSeconds,
    securityContext: pod.securityContext,
    containers: [
      {
        name: PEER.name,
        image,
        command: [`/${PEER.name}`, `--job=${FOLDER}/${FILE}`],
        ports: ports!.filter(({ name }) => name === 'metrics'),
        resources,
        livenessProbe,
        readinessProbe,
        startupProbe,
        securityContext,
        volumeMounts: [{ name: 'job', mountPath: FOLDER, readOnly: true }],
      },
    ],
    volumes: [{ name: 'job', configMap: { name: PEER.name } }],
  } as PodSpec;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: inNamespace,
    spec: {
      replicas,
      serviceName,
      podManagementPolicy,
      updateStrategy,
      selector: { matchLabels: LABELS },
      template: { metadata: { labels: LABELS }, spec },
    } as NonNullable<StatefulSet['spec']>,
  };
}

/** All of it. `job`: what every Job of its is made of. */
export const peerObjects = (statefulSet: StatefulSet, job: JobSpec): object[] => [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: PEER.namespace, labels: TEMPORARY } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: inNamespace },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: inNamespace, data: { [FILE]: JSON.stringify(job) } },
  ...bound('ClusterRole', WORK),
  ...bound('Role', LEADING),
  statefulSet,
];

/** The operator's StatefulSet: without volumes or names that anybody needs, but a Pod's successor is made when it is gone, and not when it is told to end (decision 0103). */
import type { Pod, StatefulSet } from '../kube/kinds.ts';
import {
  AUTHORITIES,
  BROKER,
  CONTAINER,
  COURIER_IMAGE,
  METRICS_PORT,
  METRICS_PORT_NAME,
  OPERATOR,
  OPERATOR_LABELS,
  SETTINGS,
  STORE_SECRET,
} from './names.ts';
import type { Values } from './values.ts';

type PodSpec = NonNullable<Pod['spec']>;
type Container = PodSpec['containers'][number];

/** As the Dockerfile makes it. */
const USER = 10_001;
/** Outlives the process, so that what killed it is not first in line again. */
const WORK_FOLDER = '/var/run/sb-operator';
const AUTHORITIES_FOLDER = '/etc/sb-operator/ca';

/**
 * V8 leaves room for garbage in proportion to what lives, which is little, and so would look for it all the time (decision 0108). Code that was compiled
 * for other flags is refused: the Dockerfile names them, too.
 */
export const V8_FLAGS = [
  '--min-semi-space-size=16',
  '--max-semi-space-size=16',
  '--heap-growing-percent=200',
] as const;

export const statefulSet = (values: Values): StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: OPERATOR.name, namespace: values.namespace, labels: { ...OPERATOR_LABELS } },
  spec: {
    replicas: values.replicas,
    selector: { matchLabels: { ...OPERATOR_LABELS } },
    // Required, and of no use here: clients and couriers take any replica.
    serviceName: BROKER.service,
    // One that does not become ready holds back neither the others nor its own mending.
    podManagementPolicy: 'Parallel',
    updateStrategy: { type: 'RollingUpdate' },
    template: { metadata: { labels: { ...OPERATOR_LABELS } }, spec: podSpec(values) },
  },
});

/**
 * The scheduler may hear of a successor before it hears that the Pod of that name is gone, and would find its own place taken. This forbids all Linux
 * nodes meanwhile, and whom to end for it is not a question then. The API server reads the key's value from the Pod (from Kubernetes 1.31 on).
 */
const NOT_BESIDE_ITS_PREDECESSOR = {
  topologyKey: 'kubernetes.io/os',
  labelSelector: { matchLabels: { ...OPERATOR_LABELS } },
  matchLabelKeys: ['statefulset.kubernetes.io/pod-name'],
};

const podSpec = (values: Values): PodSpec => ({
  serviceAccountName: OPERATOR.name,
  priorityClassName: OPERATOR.name,
  ...values.placing,
  enableServiceLinks: false,
  // Reconciles in flight get 30 seconds to end before the lease is given back.
  terminationGracePeriodSeconds: 45,
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [NOT_BESIDE_ITS_PREDECESSOR],
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: {
            topologyKey: 'kubernetes.io/hostname',
            labelSelector: { matchLabels: { ...OPERATOR_LABELS } },
          },
        },
      ],
    },
  },
  securityContext: {
    runAsNonRoot: true,
    runAsUser: USER,
    runAsGroup: USER,
    seccompProfile: { type: 'RuntimeDefault' },
  },
  containers: [container(values)],
  volumes: [
    { name: 'work', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
    { name: 'ca', configMap: { name: AUTHORITIES, optional: true } },
  ],
});

const container = ({ image, resources }: Values): Container => ({
  name: CONTAINER,
  image,
  command: ['node', ...V8_FLAGS, '/app/operator.js'],
  envFrom: [
    { configMapRef: { name: SETTINGS } },
    // Absent where the cloud gives the Pod an identity.
    { secretRef: { name: STORE_SECRET, optional: true } },
  ],
  env: environment(image),
  ports: [
    { name: BROKER.portName, containerPort: BROKER.port },
    { name: BROKER.probePortName, containerPort: BROKER.probePort },
    { name: METRICS_PORT_NAME, containerPort: METRICS_PORT },
  ],
  // Where Trials want all of a node's cores, an answer takes seconds. A restart would help nobody: only a minute without any answer is one.
  livenessProbe: { ...probe('/healthz'), periodSeconds: 10, failureThreshold: 6 },
  // One that answers late still serves couriers; one that stops says so, and is out after three answers.
  readinessProbe: { ...probe('/readyz'), periodSeconds: 2, failureThreshold: 3 },
  startupProbe: { ...probe('/healthz'), periodSeconds: 1, failureThreshold: 60 },
  resources,
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
  volumeMounts: [
    { name: 'work', mountPath: WORK_FOLDER },
    { name: 'ca', mountPath: AUTHORITIES_FOLDER, readOnly: true },
  ],
});

const environment = (image: string): NonNullable<Container['env']> => [
  { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  { name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
  { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
  { name: COURIER_IMAGE, value: image },
  { name: 'SB_WORK_FOLDER', value: WORK_FOLDER },
  { name: 'SB_AGENT_CA_FILE', value: `${AUTHORITIES_FOLDER}/ca.crt` },
  // Half of these threads look up names. Trials name registries whose name servers may never answer, and each such name keeps one busy.
  { name: 'UV_THREADPOOL_SIZE', value: '128' },
];

const probe = (path: string): NonNullable<Container['livenessProbe']> => ({
  httpGet: { path, port: METRICS_PORT_NAME },
  timeoutSeconds: 5,
});

/** What the objects of an installation are called, once: manifests, operator, clients and doctor read these. */
import { PREFIX } from '../crds/names.ts';

/** The operator: its StatefulSet, ServiceAccount and Lease, in the namespace of the installation. */
export const OPERATOR = { name: 'sb-operator', namespace: 'sb-system' } as const;

/** On everything that belongs to the operator's Pods. */
export const OPERATOR_LABELS = { 'app.kubernetes.io/name': OPERATOR.name } as const;
/** The same, as a label selector. */
export const OPERATOR_SELECTOR = `app.kubernetes.io/name=${OPERATOR.name}`;

/** kubectl in the operator's namespace, and on its log: for people. */
export const KUBECTL = `kubectl -n ${OPERATOR.namespace}`;
export const OPERATOR_LOG = `${KUBECTL} logs statefulset/${OPERATOR.name}`;

/** Who holds the lease, given a Pod's metadata. Pods of a StatefulSet have the names of those before them, which may still run on a node that is lost. */
export const holderOf = ({ name, uid }: { name: string; uid?: string }): string =>
  uid === undefined ? name : `${name}_${uid}`;
/** The name of the Pod that holds the lease. */
export const podOfHolder = (holder: string): string => holder.replace(/_.*/, '');

/** The operator as a user of the API server. */
export const operatorUser = (namespace: string = OPERATOR.namespace): string =>
  `system:serviceaccount:${namespace}:${OPERATOR.name}`;

/** The operator's container. */
export const CONTAINER = 'operator';
/** The variable with the image of the courier, which is in the operator's own: whoever sets one sets both. */
export const COURIER_IMAGE = 'SB_COURIER_IMAGE';

/** What couriers connect to. */
export const BROKER = {
  service: 'sb-broker',
  port: 8443,
  portName: 'broker',
  /** Beside it, for couriers that try whether their NetworkPolicy is in force. */
  probePort: 8444,
  probePortName: 'probe',
  /** The Secret with its certificate, which the operator makes. */
  certificate: 'sb-broker-tls',
  /** The ConfigMap with the CA of that certificate, under the key `ca.crt`, which the operator keeps for clients. */
  authority: 'sb-broker-ca',
} as const;

/** /metrics, /healthz, /readyz. */
export const METRICS_PORT = 8080;
export const METRICS_PORT_NAME = 'metrics';
/** Labels of the namespaces whose Pods may read them, such as Prometheus': kubebuilder's own convention. */
export const METRICS_READERS = { metrics: 'enabled' } as const;

/** ConfigMap of the operator's environment; kustomize puts a hash behind it. */
export const SETTINGS = 'sb-operator-settings';
/** Secret with credentials for the store, where no cloud gives the Pod an identity. */
export const STORE_SECRET = 'sb-s3';
/** ConfigMap with certificates, under the key `ca.crt`, that builds of agents' programs trust beside those of everybody; there may be none. */
export const AUTHORITIES = 'sb-build-ca';
/** ConfigMap with what clients must know, and the Role of those who may read it and the broker's CA. */
export const CLIENT_CONFIG = 'sb-client';
/** On the ClusterRole `CLIENT_CONFIG`, which everybody may read and admins alone may write: the namespace of the installation. */
export const INSTALLED_IN = `${PREFIX}installed-in`;

/** ClusterRole of what the operator does in a namespace of Trials. */
export const WORK_ROLE = `${OPERATOR.name}-work`;
/** ClusterRoles for people. */
export const VIEW_ROLE = 'sb-view';
export const EDIT_ROLE = 'sb-edit';

/** What an admin puts on a namespace to open it to Trials and builds, where the installation asks for it. */
export const NAMESPACE_LABEL = { key: `${PREFIX}trials`, value: 'allowed' } as const;

/** Kubernetes' own labels of a namespace: what its Pods must keep to, and what is only warned of. */
export const POD_SECURITY = {
  enforce: 'pod-security.kubernetes.io/enforce',
  warn: 'pod-security.kubernetes.io/warn',
} as const;

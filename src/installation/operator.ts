/** The operator's own objects, but for its StatefulSet and its roles. */
import { AGENT_CONTEXTS, AGENTS_NAMESPACE } from '../crds/names.ts';
import { NAMESPACE_ANNOTATION } from '../crds/namespace-rules.ts';
import type {
  ConfigMap,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  PriorityClass,
  Service,
} from '../kube/kinds.ts';
import type { KubeObject } from '../kube/types.ts';
import {
  BROKER,
  CLIENT_CONFIG,
  METRICS_PORT_NAME,
  METRICS_READERS,
  NAMESPACE_LABEL,
  OPERATOR,
  OPERATOR_LABELS,
  POD_SECURITY,
  SETTINGS,
} from './names.ts';
import { clientConfigOf, settingsOf, type Values } from './values.ts';

export const systemNamespace = ({ namespace: name }: Values): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { [POD_SECURITY.enforce]: 'restricted' } },
});

export const serviceAccount = ({ namespace }: Values): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: OPERATOR.name, namespace },
});

/** Above all that is not Kubernetes' own: whatever Trials ask for, they neither evict the operator nor keep it from being scheduled. */
export const priorityClass = (): PriorityClass => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name: OPERATOR.name },
  value: 1_000_000_000,
  description: 'The operator of Trials, before the Trials.',
});

/** Couriers exchange their token for short URLs here; every replica answers. */
export const brokerService = ({ namespace }: Values): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: BROKER.service, namespace, labels: { ...OPERATOR_LABELS } },
  spec: {
    selector: { ...OPERATOR_LABELS },
    ports: [
      { name: BROKER.portName, port: BROKER.port, targetPort: BROKER.portName },
      { name: BROKER.probePortName, port: BROKER.probePort, targetPort: BROKER.probePortName },
    ],
  },
});

export const podDisruptionBudget = ({ namespace }: Values): PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: OPERATOR.name, namespace },
  spec: { minAvailable: 1, selector: { matchLabels: { ...OPERATOR_LABELS } } },
});

type Peer = NonNullable<NonNullable<NonNullable<NetworkPolicy['spec']>['ingress']>[number]['_from']>[number];

/** Who may read the metrics, unless an installation says so itself. */
export const METRICS_PEERS: Peer[] = [{ namespaceSelector: { matchLabels: METRICS_READERS } }];

/**
 * What connects to the operator: couriers of all namespaces, and clients through the API server, whose address no selector knows. The broker itself asks who they are.
 * What it connects to stays open: the API server, the store, and whatever registry a Trial names.
 */
export const networkPolicy = ({ namespace }: Values): NetworkPolicy =>
  ingressPolicy({ name: OPERATOR.name, namespace }, [
    { ports: [BROKER.portName, BROKER.probePortName].map((port) => ({ port })) },
  ]);

/** Who reads its metrics besides the node, which is never refused. */
export const metricsNetworkPolicy = ({ namespace }: Values, peers: Peer[] = METRICS_PEERS): NetworkPolicy => {
  // Kubernetes' own name of the field; the client's types call it `_from`.
  const rule = { from: peers, ports: [{ port: METRICS_PORT_NAME }] };
  return ingressPolicy({ name: `${OPERATOR.name}-metrics`, namespace }, [rule]);
};

const ingressPolicy = (
  { name, namespace }: { name: string; namespace: string },
  ingress: NonNullable<NonNullable<NetworkPolicy['spec']>['ingress']>,
): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace, labels: { ...OPERATOR_LABELS } },
  spec: { podSelector: { matchLabels: { ...OPERATOR_LABELS } }, policyTypes: ['Ingress'], ingress },
});

/** The operator's environment. */
export const settings = (values: Values): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: SETTINGS, namespace: values.namespace },
  data: settingsOf(values),
});

/** What clients such as sb read, under a name that they know. */
export const clientConfig = (values: Values): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: CLIENT_CONFIG, namespace: values.namespace },
  data: clientConfigOf(values),
});

/** Where programs of agents are built. What they are made of is all that builds there may read. */
export function agentsNamespace(): Namespace {
  const { metadata, ...rest } = trialNamespace(AGENTS_NAMESPACE);
  return {
    ...rest,
    metadata: { ...metadata, annotations: { [NAMESPACE_ANNOTATION.taskPrefixes]: AGENT_CONTEXTS } },
  };
}

/** A namespace that is open to Trials, and in which every Pod keeps to what theirs keep to. */
export const trialNamespace = (name: string): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name,
    labels: { [NAMESPACE_LABEL.key]: NAMESPACE_LABEL.value, [POD_SECURITY.enforce]: 'baseline' },
  },
});

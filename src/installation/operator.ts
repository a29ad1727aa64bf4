/** The operator's own objects, but for its Deployment and its roles. */
import { AGENT_CONTEXTS, AGENTS_NAMESPACE } from '../crds/names.ts';
import { NAMESPACE_ANNOTATION } from '../crds/namespace-rules.ts';
import type { ConfigMap, Namespace, PodDisruptionBudget, PriorityClass, Service } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/types.ts';
import {
  BROKER,
  CLIENT_CONFIG,
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

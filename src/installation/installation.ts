/** An installation as objects: whatever writes, renders or applies one begins here. */
import type { CustomResourceDefinition } from '../crds/definition.ts';
import { definitions } from '../crds/kinds.ts';
import type { ConfigMap } from '../kube/kinds.ts';
import type { KubeObject, Permission } from '../kube/types.ts';
import { policies } from './admission/policies.ts';
import { statefulSet } from './stateful-set.ts';
import {
  agentsNamespace,
  brokerService,
  clientConfig,
  metricsNetworkPolicy,
  networkPolicy,
  podDisruptionBudget,
  priorityClass,
  serviceAccount,
  settings,
  systemNamespace,
} from './operator.ts';
import { agentsBinding, clientAccess, roles } from './roles.ts';
import type { Values } from './values.ts';

/** Objects, each under a short name that is its own among those beside it. */
export type Objects = Record<string, KubeObject>;

export interface Installation {
  definitions: Record<string, CustomResourceDefinition>;
  roles: Objects;
  /** Need Kubernetes 1.30. */
  policies: Objects;
  /** The operator and what it runs with. */
  operator: Objects;
  settings: ConfigMap;
  clientConfig: ConfigMap;
}

/** `permissions`: everything that the operator does in the API. */
export const installation = (permissions: readonly Permission[], values: Values): Installation => ({
  definitions: Object.fromEntries(definitions.map((crd) => [crd.spec.names.plural, crd])),
  roles: roles(permissions, values.namespace),
  policies: policies(values.namespace),
  operator: {
    namespace: systemNamespace(values),
    'agents-namespace': agentsNamespace(),
    'agents-role-binding': agentsBinding(values.namespace),
    'priority-class': priorityClass(),
    'service-account': serviceAccount(values),
    'stateful-set': statefulSet(values),
    service: brokerService(values),
    'pod-disruption-budget': podDisruptionBudget(values),
    'network-policy': networkPolicy(values),
    'metrics-network-policy': metricsNetworkPolicy(values),
    ...clientAccess(values.namespace),
  },
  settings: settings(values),
  clientConfig: clientConfig(values),
});

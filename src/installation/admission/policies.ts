/** The policies of an installation. */
import type { KubeObject } from '../../kube/types.ts';
import { budgets } from './budgets.ts';
import { namespaces } from './namespaces.ts';
import { labelledNamespaces, operatorClaims, operatorJobs, operatorNetworkPolicies } from './operator.ts';
import { origin } from './origin.ts';
import { policyObjects, type PolicyOptions } from './policy.ts';
import { SIZES } from './sizes.ts';

const objectsOf = (policies: readonly PolicyOptions[]): Record<string, KubeObject> =>
  Object.assign({}, ...policies.map(policyObjects));

/** In force wherever the operator is. `namespace`: its own. */
export const policies = (namespace: string): Record<string, KubeObject> =>
  objectsOf([
    ...origin(namespace),
    operatorJobs(namespace),
    operatorClaims(namespace),
    operatorNetworkPolicies(namespace),
    budgets,
    namespaces,
    ...SIZES,
  ]);

/** For installations in which an admin says in which namespaces Trials may be. */
export const namespacePolicies = (namespace: string): Record<string, KubeObject> =>
  objectsOf(labelledNamespaces(namespace));

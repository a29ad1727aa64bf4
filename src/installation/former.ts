/** What earlier versions consisted of, and this one does not: applying takes nothing away. */
import type { Kind, KubeObject } from '../kube/types.ts';

/** The operator, under the name that its StatefulSet has now. Its replicas would go on, and one of them might lead. */
export const FormerOperator: Kind<KubeObject> = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};

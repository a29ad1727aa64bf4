/** Objects of many kinds, applied in an order in which each finds what it needs. */
import { isNotFound } from '../../../kube/errors.ts';
import type { Kind, KubeClient, KubeObject } from '../../../kube/types.ts';
import { covers } from './covers.ts';

/** Plural and place of every kind that an installation has, in the order in which they are applied. */
const KINDS: readonly (readonly [apiVersion: string, kind: string, plural: string, namespaced: boolean])[] = [
  ['v1', 'Namespace', 'namespaces', false],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions', false],
  ['scheduling.k8s.io/v1', 'PriorityClass', 'priorityclasses', false],
  ['storage.k8s.io/v1', 'StorageClass', 'storageclasses', false],
  ['v1', 'ServiceAccount', 'serviceaccounts', true],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles', false],
  ['rbac.authorization.k8s.io/v1', 'Role', 'roles', true],
  ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'clusterrolebindings', false],
  ['rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings', true],
  ['admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies', false],
  [
    'admissionregistration.k8s.io/v1',
    'ValidatingAdmissionPolicyBinding',
    'validatingadmissionpolicybindings',
    false,
  ],
  ['v1', 'ConfigMap', 'configmaps', true],
  ['v1', 'LimitRange', 'limitranges', true],
  ['v1', 'ResourceQuota', 'resourcequotas', true],
  ['v1', 'Service', 'services', true],
  ['networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', true],
  ['policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', true],
  ['eks.amazonaws.com/v1', 'NodeClass', 'nodeclasses', false],
  ['karpenter.sh/v1', 'NodePool', 'nodepools', false],
  ['apps/v1', 'DaemonSet', 'daemonsets', true],
  ['apps/v1', 'StatefulSet', 'statefulsets', true],
];

const rank = ({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): number =>
  KINDS.findIndex(([version, name]) => version === apiVersion && name === kind);

/** Throws on a kind that no installation has. */
export function kindOf({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): Kind<KubeObject> {
  const found = KINDS[rank({ apiVersion, kind })];
  if (!found) throw new Error(`${apiVersion} ${kind} is no kind that an installation has`);
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return { group, version, kind, plural: found[2], namespaced: found[3] };
}

/** In the order in which they can be applied. */
export const inOrder = (objects: readonly KubeObject[]): KubeObject[] =>
  objects.toSorted((a, b) => rank(a) - rank(b));

const keyOf = ({ metadata: { namespace = '', name } }: KubeObject) => ({ namespace, name });

/** Server-side, one after the other. `after`: what has been applied of a kind, before what comes next. */
export async function applyAll(
  kube: KubeClient,
  objects: readonly KubeObject[],
  after: (kind: string) => Promise<void> = async () => {},
): Promise<void> {
  for (const [kind, alike] of Map.groupBy(inOrder(objects), (object) => object.kind)) {
    for (const object of alike) await kube.apply(kindOf(object), object);
    await after(kind);
  }
}

/** Whether every object is there and has what it is to have; others may have added to it. */
export async function allThere(kube: KubeClient, objects: readonly KubeObject[]): Promise<boolean> {
  for (const object of inOrder(objects)) {
    const found = await kube.get(kindOf(object), keyOf(object));
    if (!found || found.metadata.deletionTimestamp !== undefined || !covers(found, object)) return false;
  }
  return true;
}

/** What was applied last goes first. Resolves when it is all asked for. */
export async function deleteAll(kube: KubeClient, objects: readonly KubeObject[]): Promise<void> {
  for (const object of inOrder(objects).toReversed())
    await kube.delete(kindOf(object), keyOf(object)).catch((error: unknown) => {
      // The API server does not know the kind any more, or never did.
      if (!isNotFound(error)) throw error;
    });
}

/** Pure: whose an object is. */
import { API_VERSION, LABEL } from '../crds/names.ts';
import type { KubeObject, OwnerReference } from '../kube/types.ts';

/** What an owner is known by. */
export type Owner = Pick<KubeObject, 'kind' | 'metadata'>;

/** The label that the operator puts on Jobs and Pods, by the kind that they are made for. */
export const OWNER_LABEL = {
  Trial: LABEL.trial,
  TaskBuild: LABEL.taskBuild,
  Sandbox: LABEL.sandbox,
} as const;
export type OwnerKind = keyof typeof OWNER_LABEL;

/** The reference to the object that controls this one; the API server takes one at most. */
export const controllerOf = ({ metadata }: KubeObject): OwnerReference | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true);

/** Index of objects by the UID of their controller. */
export function byControllerUid(object: KubeObject): string[] {
  const controller = controllerOf(object);
  return controller ? [controller.uid] : [];
}

/** Whether this very object controls `object`; one deleted and made again under its name has another UID. */
export function isControlledBy(object: KubeObject, { metadata }: Owner): boolean {
  const controller = controllerOf(object);
  return controller !== undefined && controller.uid === metadata.uid;
}

/**
 * Whether the operator made `job` for this very owner. Anyone can write owner references; where the operator's admission policies are installed,
 * only the operator can put its labels on a Job.
 */
export const isOwnedBy = (job: KubeObject, owner: Owner): boolean =>
  isLabelled(job, owner) && isControlledBy(job, owner);

/** Whether the operator made `job` for an earlier owner of the same kind and name. */
export function isLeftover(job: KubeObject, owner: Owner): boolean {
  const { kind, name, uid } = controllerOf(job) ?? {};
  const { metadata } = owner;
  return isLabelled(job, owner) && kind === owner.kind && name === metadata.name && uid !== metadata.uid;
}

const isLabelled = ({ metadata: { labels } }: KubeObject, { kind }: Owner): boolean =>
  labels?.[OWNER_LABEL[kind as OwnerKind]] !== undefined;

/** The reference that makes `owner` the controller of what has it. */
export const controlledBy = ({ kind, metadata: { name, uid = '' } }: Owner): OwnerReference => ({
  apiVersion: API_VERSION,
  kind,
  name,
  uid,
  controller: true,
});

import { apiVersionOf } from '../http/paths.ts';
import type { Kind, KubeObject, ObjectKey } from '../types.ts';

const group = (apiVersion: string): string => apiVersion.split('/').slice(0, -1).join('/');

/** The key of an object's controller, if that is of `kind`. Owners live in the namespace of what they own. */
export function controllerKey(kind: Kind<KubeObject>, object: KubeObject): ObjectKey | undefined {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner?.kind !== kind.kind || group(owner.apiVersion) !== group(apiVersionOf(kind))) return undefined;
  return { namespace: kind.namespaced ? (object.metadata.namespace ?? '') : '', name: owner.name };
}

/** Index of objects by the UID of their controller. */
export function byControllerUid(object: KubeObject): string[] {
  return (object.metadata.ownerReferences ?? []).flatMap(({ controller, uid }) => (controller ? [uid] : []));
}

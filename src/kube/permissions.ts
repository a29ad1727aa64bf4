import { Event, Lease } from './kinds.ts';
import type { Kind, KubeObject, Permission } from './types.ts';

/** The rule that allows `verbs` on a kind. */
export function may(verbs: string[], kind: Kind<KubeObject>, subresource?: string): Permission {
  const resource = subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`;
  return { group: kind.group, resources: [resource], verbs };
}

/** What a reflector needs to keep a cache of a kind. */
export function mayWatch(kind: Kind<KubeObject>): Permission {
  return may(['get', 'list', 'watch'], kind);
}

/** Leader election by the Lease of that name, in the operator's own namespace. */
export const leasePermissions = (name: string): Permission[] => [
  { ...may(['get', 'list', 'watch', 'update'], Lease), names: [name], scope: 'own' },
  { ...may(['create'], Lease), scope: 'own' },
];

/** Events, in every namespace that has something to tell about. */
export const EVENT_PERMISSIONS: readonly Permission[] = [may(['create', 'patch'], Event)];

import type { KubernetesObject } from '@kubernetes/client-node';
import { keyString, type Change, type WatchedStore } from '../cache/cache.ts';
import { apiVersionOf } from '../http/paths.ts';
import type { KubeObject, ObjectKey } from '../types.ts';
import type { Feed } from './feed.ts';
import { BACKLOG, LIVE } from './queue.ts';
import type { Definition } from './term.ts';

/** The event types of @dot-i/k8s-operator, as an object since enums cannot be erased. */
export const ResourceEventType = { Added: 'ADDED', Modified: 'MODIFIED', Deleted: 'DELETED' } as const;
export type ResourceEventType = (typeof ResourceEventType)[keyof typeof ResourceEventType];

/** An event on a Kubernetes resource. */
export interface ResourceEvent {
  meta: ResourceMeta;
  type: ResourceEventType;
  object: KubernetesObject;
}

/** Some meta information on the resource. */
export interface ResourceMeta {
  name: string;
  namespace?: string;
  /** `plural.group/version`, or `plural.version` for core resources. */
  id: string;
  resourceVersion: string;
  apiVersion: string;
  kind: string;
}

export type OnResourceEvent = (event: ResourceEvent) => Promise<void>;

interface Undelivered {
  type: ResourceEventType;
  object: KubeObject;
}

const TYPES = {
  added: ResourceEventType.Added,
  modified: ResourceEventType.Modified,
  deleted: ResourceEventType.Deleted,
} as const;

/** One object, not one name: an object that was deleted and created again is two, each with its own events. */
function eventKey({ metadata }: KubeObject): ObjectKey {
  return { namespace: metadata.namespace ?? '', name: `${metadata.name}/${metadata.uid ?? ''}` };
}

/** Two events of one object that nobody has seen yet, as one. */
function merged(before: Undelivered | undefined, now: Undelivered): Undelivered {
  const unseen = before?.type === ResourceEventType.Added && now.type === ResourceEventType.Modified;
  return unseen ? { ...now, type: ResourceEventType.Added } : now;
}

function resourceEvent(id: string, { type, object }: Undelivered): ResourceEvent {
  const { name, namespace, resourceVersion = '' } = object.metadata;
  const { apiVersion, kind } = object;
  const meta = { id, name, resourceVersion, apiVersion, kind, ...(namespace !== undefined && { namespace }) };
  return { meta, type, object: object as unknown as KubernetesObject };
}

/**
 * A controller that calls `onEvent` for every object that is there and every later change: one call at a time, the
 * latest state only, and again with backoff when the call fails.
 */
export function resourceEvents(store: WatchedStore<KubeObject>, onEvent: OnResourceEvent): Definition {
  const undelivered = new Map<string, Undelivered>();
  const id = `${store.kind.plural}.${apiVersionOf(store.kind)}`;
  const note = (event: Undelivered): ObjectKey => {
    const key = eventKey(event.object);
    undelivered.set(keyString(key), merged(undelivered.get(keyString(key)), event));
    return key;
  };
  const events: Feed = {
    start(enqueue) {
      for (const object of store.list()) {
        enqueue(note({ type: ResourceEventType.Added, object }), { priority: BACKLOG });
      }
      return store.subscribe((change: Change<KubeObject>) =>
        enqueue(note({ type: TYPES[change.type], object: change.object }), { priority: LIVE }),
      );
    },
  };
  return {
    name: id,
    feeds: [events],
    async reconcile(key) {
      const event = undelivered.get(keyString(key));
      if (!event) return undefined;
      await onEvent(resourceEvent(id, event));
      // A later event of this object may have come meanwhile; it is delivered next.
      if (undelivered.get(keyString(key)) === event) undelivered.delete(keyString(key));
      return undefined;
    },
  };
}

import type { Change, WatchedStore } from '../cache/cache.ts';
import { apiVersionOf } from '../http/paths.ts';
import type { Kind, KubeObject, Log, ObjectKey } from '../types.ts';
import { BACKLOG, LIVE, SOONER, type AddOptions } from './queue.ts';

export type Enqueue = (key: ObjectKey, options: AddOptions) => void;

/** A source of keys for a controller: all that is there first, at low priority, then what changes. */
export interface Feed {
  start(enqueue: Enqueue, log: Log): () => void;
}

export interface FeedOptions<T extends KubeObject> {
  store: WatchedStore<T>;
  /** The keys to reconcile when this object changed. */
  keys: (object: T) => ObjectKey[];
  /** False for changes nobody needs to look at. */
  matters?: (old: T, now: T) => boolean;
  /** Whether what this object is about is to be finished before others of its namespace are begun. */
  sooner?: (object: T) => boolean;
}

function objectsOf<T extends KubeObject>(change: Change<T>): T[] {
  // A change of owner or label concerns the old owner too; the queue makes one of two equal keys.
  return change.type === 'modified' ? [change.object, change.old] : [change.object];
}

export function feed<T extends KubeObject>({ store, keys, matters, sooner }: FeedOptions<T>): Feed {
  return {
    start(enqueue, log) {
      const enqueueAll = (objects: T[], priority: number): void => {
        for (const object of objects) {
          try {
            const own = sooner?.(object) ? priority + SOONER : priority;
            for (const key of keys(object)) enqueue(key, { priority: own });
          } catch (error) {
            log.error(
              { kind: store.kind.kind, object: object.metadata, err: error },
              'cannot map object to keys',
            );
          }
        }
      };
      enqueueAll(store.list(), BACKLOG);
      return store.subscribe((change) => {
        if (change.type === 'modified' && matters && !matters(change.old, change.object)) return;
        enqueueAll(objectsOf(change), change.initial ? BACKLOG : LIVE);
      });
    },
  };
}

const group = (apiVersion: string): string => apiVersion.split('/').slice(0, -1).join('/');

/** The key of an object's controller, if that is of `kind`. Owners live in the namespace of what they own. */
function controllerKey(kind: Kind<KubeObject>, object: KubeObject): ObjectKey | undefined {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner?.kind !== kind.kind || group(owner.apiVersion) !== group(apiVersionOf(kind))) return undefined;
  return { namespace: kind.namespaced ? (object.metadata.namespace ?? '') : '', name: owner.name };
}

/** Keys of the `owner` kind that control the objects of `store`. */
export function ownedFeed<T extends KubeObject>(owner: Kind<KubeObject>, store: WatchedStore<T>): Feed {
  return feed({
    store,
    keys: (object) => {
      const key = controllerKey(owner, object);
      return key ? [key] : [];
    },
  });
}

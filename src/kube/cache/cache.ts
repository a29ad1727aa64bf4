import { systemClock, type Clock } from '../../async/clock.ts';
import type { Kind, KubeObject, ObjectKey, Store } from '../types.ts';
import { compareVersions } from './versions.ts';

/** What happened to one object of a cache. `initial`: a list had it, so that it may have been there for long; else it was made just now. */
export type Change<T extends KubeObject> =
  | { type: 'added'; object: T; initial: boolean }
  | { type: 'modified'; object: T; old: T; initial: false }
  | { type: 'deleted'; object: T; initial: false };

export type Listener<T extends KubeObject> = (change: Change<T>) => void;

/** The values under which an object can be found. */
export type Indexer<T extends KubeObject> = (object: T) => string[];

/** What the rest of the process sees of a cache: the store and its changes. Covariant in `T`. */
export interface WatchedStore<T extends KubeObject> extends Store<T> {
  readonly kind: Kind<T>;
  /** The newest resourceVersion up to which everything is known. */
  readonly version: string | undefined;
  /** Tells `listener` of every later change; the returned function ends that. */
  subscribe(listener: Listener<T>): () => void;
}

/** Who has heard nothing for so long may have been frozen with the node, or cut off from the API server. Milliseconds. */
export const STALE_MS = 20_000;
/** What happened in a silence is heard within this time after it. Milliseconds. */
const SETTLE_MS = 2000;

/** `namespace/name`, or `name` for cluster-scoped kinds. */
export function keyString(key: ObjectKey): string {
  return key.namespace === '' ? key.name : `${key.namespace}/${key.name}`;
}

export function keyOf(object: KubeObject): ObjectKey {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}

class Index<T extends KubeObject> {
  readonly indexer: Indexer<T>;
  readonly #byValue = new Map<string, Map<string, T>>();

  constructor(indexer: Indexer<T>) {
    this.indexer = indexer;
  }

  add(key: string, object: T): void {
    for (const value of this.indexer(object)) {
      const filed = this.#byValue.get(value);
      if (filed) filed.set(key, object);
      else this.#byValue.set(value, new Map([[key, object]]));
    }
  }

  remove(key: string, object: T): void {
    for (const value of this.indexer(object)) {
      const filed = this.#byValue.get(value);
      filed?.delete(key);
      if (filed?.size === 0) this.#byValue.delete(value);
    }
  }

  find(value: string): T[] {
    return [...(this.#byValue.get(value)?.values() ?? [])];
  }

  clear(): void {
    this.#byValue.clear();
  }
}

/** The objects of one kind as last seen, written by a reflector alone. */
export class ObjectCache<T extends KubeObject> implements WatchedStore<T> {
  readonly kind: Kind<T>;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #listeners = new Set<Listener<T>>();
  #whenSynced = Promise.withResolvers<void>();
  readonly #clock: Pick<Clock, 'monotonic'>;
  #madeAt: number;
  #synced = false;
  #version: string | undefined;
  #heardAt = Number.NEGATIVE_INFINITY;
  #settledAt = Number.POSITIVE_INFINITY;

  constructor(kind: Kind<T>, clock: Pick<Clock, 'monotonic'> = systemClock) {
    this.kind = kind;
    this.#clock = clock;
    this.#madeAt = clock.monotonic();
  }

  get fresh(): boolean {
    const now = this.#clock.monotonic();
    return now - this.#heardAt <= STALE_MS && now >= this.#settledAt;
  }

  /** Time since the API server said anything; before it did, since this cache was made. */
  get silentMs(): number {
    return this.#clock.monotonic() - Math.max(this.#heardAt, this.#madeAt);
  }

  /** The API server has said something, if only that nothing has changed. */
  heard(): void {
    const now = this.#clock.monotonic();
    if (now - this.#heardAt > STALE_MS) this.#settledAt = now + SETTLE_MS;
    this.#heardAt = now;
  }

  get synced(): boolean {
    return this.#synced;
  }

  get version(): string | undefined {
    return this.#version;
  }

  /** Resolves once the first list was taken in. */
  whenSynced(): Promise<void> {
    return this.#whenSynced.promise;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(keyString(key));
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  by(index: string, value: string): T[] {
    const found = this.#indexes.get(index);
    if (!found)
      throw new Error(`no index ${index}; known: ${[...this.#indexes.keys()].join(', ') || 'none'}`);
    return found.find(value);
  }

  /** Adds an index, filled with what is there; one of that name stays as it is. */
  addIndex(name: string, indexer: Indexer<T>): void {
    if (this.#indexes.has(name)) return;
    const index = new Index(indexer);
    for (const [key, object] of this.#objects) index.add(key, object);
    this.#indexes.set(name, index);
  }

  subscribe(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes in a watch event's object, unless the cache already knows that version or a newer one. */
  update(object: T): void {
    const known = this.get(keyOf(object));
    if (known && compareVersions(object.metadata.resourceVersion, known.metadata.resourceVersion) <= 0)
      return;
    this.#take(object, false);
  }

  /** Takes in a listed object as the truth, even an older one (etcd may have been restored from a backup). */
  put(object: T): void {
    this.#take(object, true);
  }

  #take(object: T, initial: boolean): void {
    const key = keyString(keyOf(object));
    const known = this.#objects.get(key);
    if (known?.metadata.uid === object.metadata.uid) {
      if (known?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    } else if (known) {
      // Deleted and created again while we did not look: two objects, two changes.
      this.#drop(key, known);
    }
    this.#file(key, object, initial);
  }

  /** Forgets an object, unless the cache holds a later one of that name. */
  remove(object: T): void {
    const key = keyString(keyOf(object));
    const known = this.#objects.get(key);
    if (!known) return;
    if (compareVersions(object.metadata.resourceVersion, known.metadata.resourceVersion) < 0) return;
    this.#drop(key, known, object);
  }

  /** Ends a list: forgets what was not in it and marks the cache synced. `version` is the list's. */
  finishList(listed: ReadonlySet<string>, version: string): void {
    for (const [key, object] of this.#objects) if (!listed.has(key)) this.#drop(key, object);
    this.#version = version;
    this.#synced = true;
    this.#whenSynced.resolve();
  }

  /** Makes it as it was before its first list. Nobody is told: what is forgotten may still be there. */
  forget(): void {
    this.#objects.clear();
    for (const index of this.#indexes.values()) index.clear();
    this.#version = undefined;
    this.#synced = false;
    this.#whenSynced = Promise.withResolvers();
    this.#madeAt = this.#clock.monotonic();
    this.#heardAt = Number.NEGATIVE_INFINITY;
    this.#settledAt = Number.POSITIVE_INFINITY;
  }

  /** Everything up to `version` has been seen. */
  advance(version: string | undefined): void {
    if (version !== undefined) this.#version = version;
  }

  #file(key: string, object: T, initial: boolean): void {
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (old) index.remove(key, old);
      index.add(key, object);
    }
    if (old) this.#tell({ type: 'modified', object, old, initial: false });
    else this.#tell({ type: 'added', object, initial });
  }

  #drop(key: string, known: T, last: T = known): void {
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) index.remove(key, known);
    this.#tell({ type: 'deleted', object: last, initial: false });
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) listener(change);
  }
}

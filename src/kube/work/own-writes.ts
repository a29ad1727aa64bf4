import type { WatchedStore } from '../cache/cache.ts';
import { compareVersions } from '../cache/versions.ts';
import type { Clock } from '../../async/clock.ts';
import type { Kind, KubeObject } from '../types.ts';

export interface OwnWritesOptions {
  clock: Clock;
  /** The caches that will see a write to this object. */
  cachesOf: (kind: Kind<KubeObject>, object: KubeObject) => WatchedStore<KubeObject>[];
  /** A watch that is down must not stop work for ever: names and preconditions keep stale decisions harmless. */
  maxHoldMs?: number;
}

interface Written {
  version: string;
  caches: WatchedStore<KubeObject>[];
  since: number;
}

/**
 * Remembers what each key's reconcile has written, so that the key waits until the caches show it. Without that a
 * second pass decides on the world before the first (KEP-5647).
 */
export class OwnWrites {
  readonly #options: OwnWritesOptions;
  /** By key, then by resource: the newest version written. */
  readonly #written = new Map<string, Map<string, Written>>();

  constructor(options: OwnWritesOptions) {
    this.#options = options;
  }

  remember(key: string, kind: Kind<KubeObject>, object: KubeObject): void {
    const version = object.metadata.resourceVersion;
    const caches = this.#options.cachesOf(kind, object);
    if (version === undefined || caches.length === 0) return;
    const writes = this.#written.get(key) ?? new Map<string, Written>();
    this.#written.set(key, writes);
    const resource = `${kind.group}/${kind.plural}`;
    const before = writes.get(resource);
    if (before && compareVersions(before.version, version) >= 0) return;
    writes.set(resource, { version, caches, since: this.#options.clock.monotonic() });
  }

  /** Whether some cache has not yet seen what this key's reconcile wrote. */
  isAhead(key: string): boolean {
    const writes = this.#written.get(key);
    if (!writes) return false;
    for (const [resource, written] of writes) {
      if (this.#unseen(written)) return true;
      writes.delete(resource);
    }
    this.#written.delete(key);
    return false;
  }

  #unseen({ version, caches, since }: Written): boolean {
    const { clock, maxHoldMs = 10_000 } = this.#options;
    if (clock.monotonic() - since >= maxHoldMs) return false;
    return caches.some((cache) => compareVersions(cache.version, version) < 0);
  }
}

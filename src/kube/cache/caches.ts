import type { Clock } from '../../async/clock.ts';
import type { Transport } from '../http/transport.ts';
import type { Metrics } from '../metrics.ts';
import type { Kind, KubeObject, ListOptions, Log } from '../types.ts';
import { ObjectCache, type Indexer, type WatchedStore } from './cache.ts';
import { Reflector } from './reflector.ts';

export interface WatchOptions<T extends KubeObject> extends ListOptions {
  indexers?: Record<string, Indexer<T>>;
  /** Makes objects smaller before they are kept. */
  transform?: (object: T) => T;
}

export interface CachesOptions {
  transport: Transport;
  clock: Clock;
  random: () => number;
  log: Log;
  metrics: Metrics;
}

interface Watched {
  kind: Kind<KubeObject>;
  namespace: string | undefined;
  labelSelector: string | undefined;
  cache: WatchedStore<KubeObject>;
  whenSynced(): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

/** A term of a selector that asks for a label, whatever its value. */
const EXISTS = /^[\w./-]+$/;

const hasLabels = ({ metadata: { labels = {} } }: KubeObject, selector = ''): boolean =>
  selector.split(',').every((term) => !EXISTS.test(term) || Object.hasOwn(labels, term));

/** All the caches of a process, one per kind and scope. */
export class Caches {
  readonly #options: CachesOptions;
  readonly #watched = new Map<string, Watched>();
  #running: AbortSignal | undefined;

  constructor(options: CachesOptions) {
    this.#options = options;
  }

  get synced(): boolean {
    return [...this.#watched.values()].every(({ cache }) => cache.synced);
  }

  get kinds(): Kind<KubeObject>[] {
    return [...this.#watched.values()].map(({ kind }) => kind);
  }

  /** The cache of a kind in a scope. Asking again for the same adds the indexers to the one that is there. */
  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions<T> = {}): ObjectCache<T> {
    const { namespace, labelSelector, fieldSelector, indexers = {}, transform } = options;
    const id = JSON.stringify([
      kind.group,
      kind.version,
      kind.plural,
      namespace,
      labelSelector,
      fieldSelector,
    ]);
    const known = this.#watched.get(id)?.cache as ObjectCache<T> | undefined;
    const cache = known ?? new ObjectCache<T>(kind, this.#options.clock);
    for (const [name, indexer] of Object.entries(indexers)) cache.addIndex(name, indexer);
    if (known) return cache;
    this.#options.metrics.watched(kind.plural, () => cache.silentMs);
    const reflector = this.#reflector(cache, options, transform);
    const watched: Watched = {
      kind,
      namespace,
      labelSelector,
      cache,
      whenSynced: () => cache.whenSynced(),
      run: (signal) => reflector.run(signal),
    };
    this.#watched.set(id, watched);
    if (this.#running) void watched.run(this.#running);
    return cache;
  }

  /** Starts to fill the caches, and those asked for later; they are kept up to date until `signal` fires. */
  start(signal: AbortSignal): void {
    this.#running = signal;
    for (const watched of this.#watched.values()) void watched.run(signal);
  }

  async whenSynced(): Promise<void> {
    await Promise.all([...this.#watched.values()].map((watched) => watched.whenSynced()));
  }

  /** The caches that see a write to `object`: not one whose selector names a label that it does not have, which would be waited for in vain. */
  of(kind: Kind<KubeObject>, object: KubeObject): WatchedStore<KubeObject>[] {
    const inScope = (watched: Watched): boolean =>
      watched.kind.plural === kind.plural &&
      watched.kind.group === kind.group &&
      (watched.namespace === undefined || watched.namespace === object.metadata.namespace) &&
      hasLabels(object, watched.labelSelector);
    return [...this.#watched.values()].filter(inScope).map(({ cache }) => cache);
  }

  #reflector<T extends KubeObject>(
    cache: ObjectCache<T>,
    scope: ListOptions,
    transform: ((object: T) => T) | undefined,
  ): Reflector<T> {
    const { metrics } = this.#options;
    const { kind } = cache;
    return new Reflector({
      ...this.#options,
      resource: kind,
      scope,
      cache,
      ...(transform && { transform }),
      onRound: (what) => metrics.reflector(kind.plural, what),
      onFailure: (reason) => metrics.reflectorFailed(kind.plural, reason),
    });
  }
}

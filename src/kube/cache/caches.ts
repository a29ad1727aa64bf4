import type { Clock } from '../../async/clock.ts';
import type { Transport } from '../http/transport.ts';
import type { Metrics } from '../metrics.ts';
import type { Kind, KubeObject, ListOptions, Log } from '../types.ts';
import type { Versions } from '../leader/lease-record.ts';
import { ObjectCache, type Indexer, type WatchedStore } from './cache.ts';
import { Reflector } from './reflector.ts';
import { compareVersions } from './versions.ts';

export interface WatchOptions<T extends KubeObject> extends ListOptions {
  indexers?: Record<string, Indexer<T>>;
  /** Makes objects smaller before they are kept. */
  transform?: (object: T) => T;
  /** Kept while this process leads, and anew in each term; a replica that stands by does not hear of these objects. */
  whileLeading?: boolean;
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
  whileLeading: boolean;
  cache: WatchedStore<KubeObject> & { whenSynced(): Promise<void>; forget(): void };
  /** Of the newest write of this process that it is to see. */
  written: string | undefined;
  run(signal: AbortSignal, notOlderThan?: string): Promise<void>;
}

/** The caches of one term as leader. */
export interface TermCaches {
  readonly synced: boolean;
  /** Resolves once each of them has taken in its first list; never where the term ends before. */
  whenSynced(): Promise<void>;
  /** How far they are, or this process's own writes, whichever is further. For the next leader, who may begin with that. */
  readonly versions: Versions;
  /** Once it has resolved they hold nothing, and nothing comes in. */
  end(): Promise<void>;
}

/** A term of a selector that asks for a label, whatever its value. */
const EXISTS = /^[\w./-]+$/;

const hasLabels = ({ metadata: { labels = {} } }: KubeObject, selector = ''): boolean =>
  selector.split(',').every((term) => !EXISTS.test(term) || Object.hasOwn(labels, term));

const resourceOf = ({ kind: { group, plural } }: Watched): string => `${group}/${plural}`;

const newer = (one: string | undefined, other: string | undefined): string | undefined =>
  compareVersions(one, other) < 0 ? other : one;

/** Of those that are filled: of another nobody knows how far the world is. */
function versionsOf(all: Watched[]): Versions {
  const versions: Record<string, string> = {};
  for (const watched of all.filter(({ cache }) => cache.synced)) {
    const resource = resourceOf(watched);
    const version = newer(newer(versions[resource], watched.cache.version), watched.written);
    if (version !== undefined) versions[resource] = version;
  }
  return versions;
}

/** All the caches of a process, one per kind and scope. */
export class Caches {
  readonly #options: CachesOptions;
  readonly #watched = new Map<string, Watched>();
  #running: AbortSignal | undefined;
  #leading = false;

  constructor(options: CachesOptions) {
    this.#options = options;
  }

  /** But for those of a term. */
  get synced(): boolean {
    return this.#kept(false).every(({ cache }) => cache.synced);
  }

  get kinds(): Kind<KubeObject>[] {
    return [...this.#watched.values()].map(({ kind }) => kind);
  }

  /** The cache of a kind in a scope. Asking again for the same adds the indexers to the one that is there. */
  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions<T> = {}): ObjectCache<T> {
    const { namespace, labelSelector, fieldSelector, indexers = {}, whileLeading = false } = options;
    const id = JSON.stringify([
      kind.group,
      kind.version,
      kind.plural,
      namespace,
      labelSelector,
      fieldSelector,
      whileLeading,
    ]);
    const known = this.#watched.get(id)?.cache as ObjectCache<T> | undefined;
    const cache = known ?? new ObjectCache<T>(kind, this.#options.clock);
    for (const [name, indexer] of Object.entries(indexers)) cache.addIndex(name, indexer);
    if (known) return cache;
    const watched: Watched = {
      kind,
      namespace,
      labelSelector,
      whileLeading,
      cache,
      written: undefined,
      run: (signal, notOlderThan) => this.#reflector(cache, options, notOlderThan).run(signal),
    };
    // One that is not kept is not silent.
    this.#options.metrics.watched(kind.plural, () => (whileLeading && !this.#leading ? 0 : cache.silentMs));
    this.#watched.set(id, watched);
    if (this.#running && !whileLeading) void watched.run(this.#running);
    return cache;
  }

  /** Starts to fill the caches, and those asked for later; they are kept up to date until `signal` fires. Those of a term wait for `lead`. */
  start(signal: AbortSignal): void {
    this.#running = signal;
    for (const watched of this.#kept(false)) void watched.run(signal);
  }

  /** Resolves once all but those of a term have taken in their first list. */
  async whenSynced(): Promise<void> {
    await Promise.all(this.#kept(false).map(({ cache }) => cache.whenSynced()));
  }

  /** Begins to fill the caches of a term; the term before has to have ended. `handed`: what the leader before knew, where it is known to have ended. */
  lead(handed: Versions = {}): TermCaches {
    const over = new AbortController();
    const own = this.#kept(true);
    this.#leading = true;
    for (const watched of own) {
      watched.cache.forget();
      watched.written = undefined;
    }
    const running = own.map((watched) => watched.run(over.signal, handed[resourceOf(watched)]));
    return {
      get synced() {
        return own.every(({ cache }) => cache.synced);
      },
      whenSynced: async () => void (await Promise.all(own.map(({ cache }) => cache.whenSynced()))),
      get versions() {
        return versionsOf(own);
      },
      end: async () => {
        over.abort();
        // A line that has come already is taken in after this.
        await Promise.all(running);
        for (const { cache } of own) cache.forget();
        this.#leading = false;
      },
    };
  }

  /** Takes down a write to `object`. Gives the caches that see it: not one whose selector names a label that it does not have, which would be waited for in vain. */
  written(kind: Kind<KubeObject>, object: KubeObject): WatchedStore<KubeObject>[] {
    const inScope = (watched: Watched): boolean =>
      watched.kind.plural === kind.plural &&
      watched.kind.group === kind.group &&
      (watched.namespace === undefined || watched.namespace === object.metadata.namespace) &&
      hasLabels(object, watched.labelSelector);
    const seeing = [...this.#watched.values()].filter(inScope);
    for (const watched of seeing) watched.written = newer(watched.written, object.metadata.resourceVersion);
    return seeing.map(({ cache }) => cache);
  }

  #kept(whileLeading: boolean): Watched[] {
    return [...this.#watched.values()].filter((watched) => watched.whileLeading === whileLeading);
  }

  #reflector<T extends KubeObject>(
    cache: ObjectCache<T>,
    { transform, whileLeading = false, ...scope }: WatchOptions<T>,
    notOlderThan?: string,
  ): Reflector<T> {
    const { metrics } = this.#options;
    const { kind } = cache;
    return new Reflector({
      ...this.#options,
      resource: kind,
      scope,
      cache,
      // A new leader waits for them before it does anything.
      paged: whileLeading,
      notOlderThan,
      ...(transform && { transform }),
      onRound: (what) => metrics.reflector(kind.plural, what),
      onFailure: (reason) => metrics.reflectorFailed(kind.plural, reason),
    });
  }
}

import { Caches, type TermCaches, type WatchOptions } from './cache/caches.ts';
import { keyOf, type WatchedStore } from './cache/cache.ts';
import { sleep } from '../async/clock.ts';
import type { Kube } from './connect.ts';
import { createEventRecorder } from './events/recorder.ts';
import { Elector } from './leader/elector.ts';
import { leaseNews } from './leader/lease-news.ts';
import { Handover, type Versions } from './leader/lease-record.ts';
import { EVENT_PERMISSIONS, leasePermissions, mayWatch } from './permissions.ts';
import type {
  EventRecorder,
  Kind,
  KubeClient,
  KubeObject,
  Log,
  ObjectKey,
  Permission,
  Reconcile,
} from './types.ts';
import { feed, ownedFeed, type Feed } from './work/feed.ts';
import type { InWork } from './work/in-work.ts';
import { resourceEvents, type OnResourceEvent } from './work/resource-events.ts';
import { startTerm, type Definition, type Term } from './work/term.ts';

export type { WatchedStore } from './cache/cache.ts';
export type { WatchOptions } from './cache/caches.ts';
export { feed } from './work/feed.ts';
export { ResourceEventType, type ResourceEvent, type ResourceMeta } from './work/resource-events.ts';

export interface LeaseOptions {
  namespace: string;
  name: string;
  /** In which a leader that stops tells the next one how far its caches were, so that those of the next are filled sooner. */
  annotation?: string;
  leaseMs?: number;
  renewDeadlineMs?: number;
  retryMs?: number;
}

export interface OperatorOptions {
  kube: Kube;
  /** Source of the events this operator writes. */
  component: string;
  /** Unique to this process, such as the pod's name. */
  identity: string;
  /** Where replicas agree on a leader; without it this process always is leader. */
  lease?: LeaseOptions;
  /** Remembers across a crash what was in work, by name of the controller. */
  inWork?: ((controller: string) => InWork) | undefined;
  /** After `stop`, running reconciles may begin writes for so long. Default 100 ms. */
  finishMs?: number;
  /** How long they may take until they are ended. Default 30 s. */
  drainMs?: number;
}

export interface ControlOptions<T extends KubeObject> {
  name: string;
  /** The objects whose keys are reconciled. */
  store: WatchedStore<T>;
  /** What is reconciled when one of them changes; default: its own key. */
  keys?: (object: T) => ObjectKey[];
  reconcile: Reconcile;
  /** Objects whose controller is an object of `store`: their changes reconcile it. */
  owns?: WatchedStore<KubeObject>[];
  /** Other sources of keys, made by `feed`. */
  also?: Feed[];
  /** False for changes to the object itself that nobody needs to look at. */
  matters?: (old: T, now: T) => boolean;
  concurrency?: number;
  reconcileTimeoutMs?: number;
}

const ownKey = (object: KubeObject): ObjectKey[] => [keyOf(object)];

/** What a reconcile has not done then is the next leader's, who would else wait for it. */
const FINISH_MS = 100;
const DRAIN_MS = 30_000;
const FLUSH_MS = 2000;

/**
 * An operator: caches and controllers, declared in `init`. Caches run in every replica (but for those
 * `whileLeading`), controllers only while it is leader. The programming model is that of @dot-i/k8s-operator; none of its code runs.
 */
export abstract class Operator {
  protected readonly client: KubeClient;
  protected readonly events: EventRecorder;
  protected readonly log: Log;
  readonly #options: OperatorOptions;
  readonly #caches: Caches;
  readonly #recorder: ReturnType<typeof createEventRecorder>;
  readonly #definitions: Definition[] = [];
  readonly #watching = new AbortController();
  readonly #standing = new AbortController();
  readonly #elector: Elector | undefined;
  #election: Promise<void> = Promise.resolve();
  #kept: TermCaches | undefined;
  #term: Term | undefined;
  #stopped: Promise<void> | undefined;
  /** Reconciles may begin writes, as far as `stop` is concerned. */
  #mayBegin = true;
  /** Nothing that was done as leader is under way any more. */
  #isIdle = true;

  constructor(options: OperatorOptions) {
    const { kube, component, identity } = options;
    this.#options = options;
    this.#caches = new Caches(kube);
    this.#recorder = createEventRecorder({ ...kube, component, instance: identity });
    this.#elector = this.#createElector();
    this.client = kube.client;
    this.events = this.#recorder;
    this.log = kube.log;
  }

  /** Called once by `start`: declare watches and controllers here. */
  protected abstract init(): Promise<void>;

  /** Whether every cache that this replica is to have has taken in its first list, and nobody has called `stop`. For /readyz. */
  get ready(): boolean {
    return this.#stopped === undefined && this.#caches.synced && (this.#kept?.synced ?? true);
  }

  /** Whether this process may act as leader right now. */
  get leading(): boolean {
    return this.#term !== undefined && (this.#elector?.isLeader() ?? true);
  }

  /** What this folder itself does for this operator: its watches, events and lease. */
  get declaredPermissions(): Permission[] {
    const { lease } = this.#options;
    return [
      ...this.#caches.kinds.map(mayWatch),
      ...EVENT_PERMISSIONS,
      ...(lease ? leasePermissions(lease.name) : []),
    ];
  }

  /** A cache of the objects of a kind, from now on kept up to date in this process. */
  protected watch<T extends KubeObject>(kind: Kind<T>, options?: WatchOptions<T>): WatchedStore<T> {
    return this.#caches.watch(kind, options);
  }

  /** Declares a controller. It works while this process is leader and the caches are filled. */
  protected control<T extends KubeObject>(options: ControlOptions<T>): void {
    const { store, owns = [], also = [], matters, keys = ownKey, ...definition } = options;
    const own = feed({ store, keys, ...(matters && { matters }) });
    const owned = owns.map((children) => ownedFeed(store.kind, children));
    this.#definitions.push({ ...definition, feeds: [own, ...owned, ...also] });
  }

  /**
   * Watch a Kubernetes resource.
   * @param group The group of the resource or an empty string for core resources
   * @param version The version of the resource
   * @param plural The plural name of the resource
   * @param onEvent The async callback for added, modified or deleted events on the resource
   * @param namespace The namespace of the resource (optional)
   */
  // oxlint-disable-next-line max-params -- the signature of @dot-i/k8s-operator
  protected async watchResource(
    group: string,
    version: string,
    plural: string,
    onEvent: OnResourceEvent,
    namespace?: string,
  ): Promise<void> {
    const kind: Kind<KubeObject> = { group, version, plural, kind: '', namespaced: true };
    const store = this.#caches.watch(kind, namespace === undefined ? {} : { namespace });
    this.#definitions.push(resourceEvents(store, onEvent));
  }

  /** Runs `init`, fills the caches and stands for election. Resolves after `init`; `whenSynced` tells the rest. */
  async start(): Promise<void> {
    await this.init();
    this.#caches.start(this.#watching.signal);
    this.#election = this.#stand();
  }

  /** Resolves once every cache has taken in its first list, but for those of a term as leader. */
  whenSynced(): Promise<void> {
    return this.#caches.whenSynced();
  }

  /** Takes no more work, waits until nothing of it is under way (30 s at most), gives the lease away, and tells the last events. */
  stop(): Promise<void> {
    this.#stopped ??= this.#windDown();
    return this.#stopped;
  }

  async #windDown(): Promise<void> {
    const { finishMs = FINISH_MS, drainMs = DRAIN_MS, kube } = this.#options;
    const fence = kube.clock.after(finishMs, () => (this.#mayBegin = false));
    this.#isIdle = (await this.#term?.stop(drainMs)) ?? true;
    fence();
    this.#reportLeading(false);
    this.#standing.abort();
    await Promise.all([this.#election, this.#flush()]);
    this.#watching.abort();
    this.#term = undefined;
    await this.#kept?.end();
  }

  /** Events need no lease, and the next leader does not wait for them. */
  async #flush(): Promise<void> {
    const flushed = new AbortController();
    const late = sleep(this.#options.kube.clock, FLUSH_MS, flushed.signal);
    await Promise.race([this.#recorder.flush(), late]);
    flushed.abort();
  }

  /** Only a replica with filled caches stands: a new leader can work at once. */
  async #stand(): Promise<void> {
    const { signal } = this.#standing;
    const stopping = new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.race([this.whenSynced(), stopping]);
    if (signal.aborted) return;
    if (this.#elector) await this.#elector.run(signal);
    else this.#beginTerm();
  }

  #createElector(): Elector | undefined {
    const { kube, lease, identity } = this.#options;
    if (!lease) return undefined;
    return new Elector({
      ...kube,
      ...lease,
      client: kube.leaseClient,
      identity,
      onStarted: (handed) => this.#beginTerm(handed),
      onLost: () => this.#endTerm(),
      hear: leaseNews(kube, lease),
      mayRelease: () => this.#isIdle,
      handover: new Handover(lease.annotation, () => this.#kept?.versions ?? {}),
    });
  }

  /** The lease is ours; work begins as soon as the caches of this term are filled. */
  #beginTerm(handed?: Versions): void {
    if (this.#stopped) return;
    this.#reportLeading(true);
    const kept = (this.#kept = this.#caches.lead(handed));
    void kept.whenSynced().then(() => {
      if (this.#kept === kept && !this.#stopped) this.#work();
    });
  }

  #work(): void {
    const { kube, inWork } = this.#options;
    this.#term = startTerm(this.#definitions, {
      ...kube,
      inWork,
      mayWrite: () => this.#mayBegin && (this.#elector?.isLeader() ?? true),
      cachesOf: (kind, object) => this.#caches.written(kind, object),
    });
    this.log.info({ controllers: this.#definitions.length }, 'controllers have begun');
  }

  /** Leadership is gone: what runs ends now, and its writes are refused already. Nothing is left that a later term could act by. */
  async #endTerm(): Promise<void> {
    this.#reportLeading(false);
    const [term, kept] = [this.#term, this.#kept];
    this.#term = undefined;
    this.#kept = undefined;
    await term?.stop(0);
    await kept?.end();
  }

  #reportLeading(leading: boolean): void {
    const { kube, lease, component } = this.#options;
    kube.metrics.leader(lease?.name ?? component, leading);
  }
}

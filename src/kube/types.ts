/** What the rest of the project sees of Kubernetes: kinds, objects, keys and the few verbs it uses. */

/** Standard object metadata, as far as this project reads or writes it. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

/** A link from a child to the object that owns it; garbage collection follows it. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** Any Kubernetes object. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** A resource of the API server. `T` is the shape of its objects. */
export interface Kind<T extends KubeObject> {
  group: string;
  version: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  /** Carries the object's type only; never set. */
  readonly _object?: T;
}

/** Where an object lives. `namespace` is empty for cluster-scoped kinds. */
export interface ObjectKey {
  namespace: string;
  name: string;
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** At most so many objects, the first by name. */
  limit?: number;
}

export interface DeleteOptions {
  /** Delete only the object with this UID; another one of that name is left alone (409 → false). */
  uid?: string;
  /** And only as it was seen; together with `uid`. */
  resourceVersion?: string;
  propagation?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
}

/**
 * The verbs. All reject with `ApiError` (see errors.ts) on an HTTP failure; `get` and `delete` treat 404 as a value.
 * A lost reply after a create is reported as `AlreadyExists` on the retry: names are deterministic, so the caller reads and adopts.
 */
export interface KubeClient {
  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T | undefined>;
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<T[]>;
  create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T>;
  /** Server-side apply with this project's field manager, forced. */
  apply<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T>;
  /** PUT of the whole object with its resourceVersion as precondition (409 → ApiError `Conflict`). */
  replace<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T>;
  /** PUT of /status with the object's resourceVersion as precondition (409 → ApiError `Conflict`). */
  replaceStatus<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T>;
  /** JSON merge patch. */
  patch<T extends KubeObject>(kind: Kind<T>, key: ObjectKey, patch: object): Promise<T>;
  /** Resolves false when nothing was there to delete. */
  delete<T extends KubeObject>(kind: Kind<T>, key: ObjectKey, options?: DeleteOptions): Promise<boolean>;
  /** GET of any path, for /openid/v1/jwks and the like; resolves the parsed JSON. */
  raw(path: string): Promise<unknown>;
  /** Last lines of a container's log. */
  log(
    key: ObjectKey,
    options: { container: string; tailLines?: number; previous?: boolean },
  ): Promise<string>;
}

/** A read-only view of the watch cache of one kind. Objects are shared: never mutate them. */
export interface Store<T extends KubeObject> {
  get(key: ObjectKey): T | undefined;
  list(): T[];
  /** Objects that an indexer filed under `value`. Throws on an unknown index. */
  by(index: string, value: string): T[];
  /** True once the first list was taken in. */
  readonly synced: boolean;
  /**
   * True where what it holds is known to be no older than `STALE_MS`: the watch has been heard since. After a longer silence it is not at once, since
   * what happened meanwhile is still on its way.
   */
  readonly fresh: boolean;
}

/** What a reconcile asks for next. Nothing: done until the next event. */
export interface Result {
  /** Look again after this many milliseconds, whatever happens. */
  requeueAfterMs?: number;
}

/** Brings one object closer to what its spec says. Throwing means: try again with backoff. */
export type Reconcile = (key: ObjectKey, signal: AbortSignal) => Promise<Result | undefined>;

/** Writes Kubernetes Events (events.k8s.io semantics: aggregated, rate limited per object). Never throws. */
export interface EventRecorder {
  normal(object: KubeObject, reason: string, message: string): void;
  warning(object: KubeObject, reason: string, message: string): void;
}

/** One RBAC rule: what a part of this project does with which resources. `src/generate.ts` turns these into roles. */
export interface Permission {
  group: string;
  resources: string[];
  verbs: string[];
  /** The objects it is about; default: all. Kubernetes cannot restrict `create`, `list` and `watch` so. */
  names?: string[];
  /**
   * Where it is needed: in every namespace with Trials (the default) · `own`: in the operator's own alone · `beyond`: in namespaces in which
   * the operator does no work, too.
   */
  scope?: 'own' | 'beyond';
}

/** The logger this folder needs; a pino logger is one. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

import { listAll } from './cache/list.ts';
import { keyOf } from './cache/cache.ts';
import { ApiError, isNotFound } from './errors.ts';
import { collectionPath, objectPath, queryString } from './http/paths.ts';
import { parsedObject } from './http/writers.ts';
import type { ApiRequest, Method, Transport } from './http/transport.ts';
import type { DeleteOptions, Kind, KubeClient, KubeObject, ListOptions, ObjectKey } from './types.ts';
import { currentReconciliation } from './work/reconciliation.ts';

/** Owner of the fields that the operator's server-side apply writes. */
export const FIELD_MANAGER = 'sb-operator';

const MERGE_PATCH = 'application/merge-patch+json';
const APPLY_PATCH = 'application/apply-patch+yaml';
/** A container that prints one endless line must not fill our memory. */
const LOG_LIMIT_BYTES = 1024 * 1024;

export interface ClientOptions {
  transport: Transport;
  /** Owner of the fields that server-side apply writes; default: FIELD_MANAGER. */
  fieldManager?: string;
  /** Told of every object written, as the server returned it. */
  onWrite?: (kind: Kind<KubeObject>, object: KubeObject) => void;
}

interface Write {
  method: Method;
  path: string;
  body: object;
  contentType?: string;
}

/** Refuses what the running reconcile may not write, whenever it is asked. */
function fence({ method, path }: { method: Method; path: string }): (() => void) | undefined {
  const reconciliation = currentReconciliation();
  return (
    reconciliation &&
    (() => {
      reconciliation.signal.throwIfAborted();
      if (reconciliation.mayWrite()) return;
      const message = `${method} ${path}: not sent, another replica may be leader`;
      throw new ApiError({ status: 0, reason: 'NotLeader', message });
    })
  );
}

function deleteBody(options: DeleteOptions): string {
  const { uid, resourceVersion, propagation, gracePeriodSeconds } = options;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(uid !== undefined && {
      preconditions: { uid, ...(resourceVersion !== undefined && { resourceVersion }) },
    }),
    propagationPolicy: propagation ?? 'Background',
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
  });
}

/** Nothing (any more) of that name, or of that UID. */
const nothingToDelete = (error: unknown, uid: string | undefined): boolean =>
  isNotFound(error) || (uid !== undefined && error instanceof ApiError && error.status === 409);

/** What the API server takes of an object whose status is written. It keeps the rest as it was, and need not read it. */
function statusAlone({ apiVersion, kind, metadata, status }: KubeObject & { status?: unknown }): object {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, metadata: { namespace, name, uid, resourceVersion }, status };
}

const pods = { group: '', version: 'v1', plural: 'pods' };

class ApiClient implements KubeClient {
  readonly #transport: Transport;
  readonly #fieldManager: string;
  readonly #onWrite: ClientOptions['onWrite'];

  constructor({ transport, fieldManager = FIELD_MANAGER, onWrite }: ClientOptions) {
    this.#transport = transport;
    this.#fieldManager = fieldManager;
    this.#onWrite = onWrite;
  }

  async get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T | undefined> {
    try {
      return (await this.raw(objectPath(kind, key))) as T;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<T[]> {
    let objects: T[] = [];
    await listAll<T>({
      transport: this.#transport,
      resource: kind,
      options,
      signal: currentReconciliation()?.signal,
      onStart: () => (objects = []),
      onObject: (object) => objects.push(object),
    });
    return objects;
  }

  create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const path = collectionPath(kind, object.metadata.namespace);
    return this.#write(kind, { method: 'POST', path, body: object });
  }

  apply<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const fieldManager = this.#fieldManager;
    const path = objectPath(kind, keyOf(object)) + queryString({ fieldManager, force: true });
    return this.#write(kind, { method: 'PATCH', path, body: object, contentType: APPLY_PATCH });
  }

  replace<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    return this.#write(kind, { method: 'PUT', path: objectPath(kind, keyOf(object)), body: object });
  }

  replaceStatus<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    return this.#write(kind, {
      method: 'PUT',
      path: `${objectPath(kind, keyOf(object))}/status`,
      body: statusAlone(object),
    });
  }

  patch<T extends KubeObject>(kind: Kind<T>, key: ObjectKey, change: object): Promise<T> {
    const path = objectPath(kind, key);
    return this.#write(kind, { method: 'PATCH', path, body: change, contentType: MERGE_PATCH });
  }

  async delete<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<boolean> {
    const request = { method: 'DELETE', path: objectPath(kind, key) } as const;
    try {
      await this.#sendFenced({ ...request, body: deleteBody(options) });
      return true;
    } catch (error) {
      if (nothingToDelete(error, options.uid)) return false;
      throw error;
    }
  }

  async raw(path: string): Promise<unknown> {
    return JSON.parse(await this.#send({ method: 'GET', path }));
  }

  log(
    key: ObjectKey,
    options: { container: string; tailLines?: number; previous?: boolean },
  ): Promise<string> {
    const query = queryString({ ...options, limitBytes: LOG_LIMIT_BYTES });
    return this.#send({ method: 'GET', path: `${objectPath(pods, key)}/log${query}` });
  }

  #send(request: ApiRequest): Promise<string> {
    return this.#transport.send({ ...request, signal: currentReconciliation()?.signal });
  }

  #sendFenced(request: ApiRequest): Promise<string> {
    return this.#send({ ...request, guard: fence(request) });
  }

  async #write<T extends KubeObject>(kind: Kind<T>, { body, ...request }: Write): Promise<T> {
    const answer = await this.#sendFenced({ ...request, body: JSON.stringify(body) });
    const object = parsedObject(answer) as T;
    currentReconciliation()?.wrote(kind, object);
    this.#onWrite?.(kind, object);
    return object;
  }
}

/**
 * The verbs over a transport. Inside a reconcile every request ends with its signal, and writes stop
 * as soon as leadership is in doubt.
 */
export function createKubeClient(options: ClientOptions): KubeClient {
  return new ApiClient(options);
}

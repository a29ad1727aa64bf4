import { isGone } from '../errors.ts';
import { apiVersionOf, collectionPath, queryString, type Resource } from '../http/paths.ts';
import type { Transport } from '../http/transport.ts';
import type { KubeObject, ListOptions } from '../types.ts';

/** Objects a page: small enough that parsing one never stalls the loop for long. */
const PAGE = 500;
const RESTARTS = 3;

interface ListBody<T> {
  kind?: string;
  metadata?: { resourceVersion?: string; continue?: string };
  items?: T[] | null;
}

export interface ListRequest<T extends KubeObject> {
  transport: Transport;
  resource: Resource;
  options: ListOptions;
  signal?: AbortSignal | undefined;
  /**
   * A version of this collection that the list must have: the API server need not make sure that it has all. Without it, one that is busy takes up to
   * three seconds for that.
   */
  notOlderThan?: string | undefined;
  /** Called for every object, page by page. A list that starts anew hands over its objects again. */
  onObject: (object: T) => void;
  /** Called before the first page, and again when a compaction makes the list start anew. */
  onStart: () => void;
}

/** List items carry neither apiVersion nor kind; the list does. */
function complete<T extends KubeObject>(body: ListBody<T>, resource: Resource): T[] {
  const kind = body.kind?.replace(/List$/, '') ?? '';
  const apiVersion = apiVersionOf(resource);
  return (body.items ?? []).map((item) => (item.kind ? item : { ...item, apiVersion, kind }));
}

async function allPages<T extends KubeObject>(request: ListRequest<T>): Promise<string> {
  const { transport, resource, options, signal, notOlderThan, onObject } = request;
  const path = collectionPath(resource, options.namespace);
  const { labelSelector, fieldSelector, limit } = options;
  let token: string | undefined;
  let version = '';
  do {
    const first = token === undefined && notOlderThan !== undefined;
    const query = queryString({
      labelSelector,
      fieldSelector,
      limit: limit ?? PAGE,
      continue: token,
      ...(first && { resourceVersion: notOlderThan, resourceVersionMatch: 'NotOlderThan' }),
    });
    const text = await transport.send({ method: 'GET', path: path + query, signal });
    const body: ListBody<T> = JSON.parse(text);
    for (const object of complete(body, resource)) onObject(object);
    token = limit === undefined ? body.metadata?.continue : undefined;
    version = body.metadata?.resourceVersion ?? version;
  } while (token);
  return version;
}

/**
 * Reads a whole collection in pages and resolves its resourceVersion. When etcd is compacted under a long list its
 * continue token dies (410): the list then starts anew, a few times.
 */
export async function listAll<T extends KubeObject>(request: ListRequest<T>): Promise<string> {
  for (let restarts = 0; ; restarts++) {
    request.onStart();
    try {
      return await allPages(request);
    } catch (error) {
      if (!isGone(error) || restarts >= RESTARTS) throw error;
    }
  }
}

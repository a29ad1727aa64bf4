import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../../src/kube/types.ts';

/** An object with the parts that the API server itself treats specially. */
export interface Stored extends KubeObject {
  spec?: unknown;
  status?: unknown;
}

/** One change of a collection, as watches see it. */
export interface Recorded {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: Stored;
  /** The object before the change. */
  before?: Stored;
}

/** Why a request was refused: HTTP status and StatusReason. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
    this.reason = reason;
  }
}

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {};
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

/** The objects of one resource and the changes that led to them. */
export class Collection {
  readonly objects = new Map<string, Stored>();
  readonly log: Recorded[] = [];
  readonly watchers = new Set<(change: Recorded) => void>();
  readonly #nextVersion: () => number;

  constructor(nextVersion: () => number) {
    this.#nextVersion = nextVersion;
  }

  get(namespace: string, name: string): Stored {
    const object = this.objects.get(`${namespace}/${name}`);
    if (!object) throw new Refusal(404, 'NotFound');
    return object;
  }

  create(object: Stored): Stored {
    if (this.objects.has(keyOf(object))) throw new Refusal(409, 'AlreadyExists');
    const metadata = {
      ...object.metadata,
      uid: randomUUID(),
      generation: 1,
      creationTimestamp: new Date().toISOString(),
    };
    return this.#record('ADDED', { ...object, metadata });
  }

  /** Replaces all but the status, or only the status. A resourceVersion in `object` is a precondition. */
  update(object: Stored, part: 'main' | 'status' = 'main'): Stored {
    const before = this.get(object.metadata.namespace ?? '', object.metadata.name);
    const { resourceVersion, uid } = object.metadata;
    if (resourceVersion && resourceVersion !== before.metadata.resourceVersion)
      throw new Refusal(409, 'Conflict');
    if (uid && uid !== before.metadata.uid) throw new Refusal(409, 'Conflict');
    const after = part === 'status' ? withStatus(before, object.status) : withMain(before, object);
    return isDeepStrictEqual(after, before) ? before : this.#replace(before, after);
  }

  /** Removes an object, or marks it when it has finalizers. Other UID: 409. */
  delete(namespace: string, name: string, uid?: string): Stored {
    const before = this.get(namespace, name);
    if (uid !== undefined && uid !== before.metadata.uid) throw new Refusal(409, 'Conflict');
    if (!before.metadata.finalizers?.length) return this.#record('DELETED', before, before);
    if (before.metadata.deletionTimestamp) return before;
    const deletionTimestamp = new Date().toISOString();
    return this.#record(
      'MODIFIED',
      { ...before, metadata: { ...before.metadata, deletionTimestamp } },
      before,
    );
  }

  /** Forgets the changes up to a version, as etcd's compaction does. */
  compact(version: number): void {
    const keep = this.log.findIndex((change) => change.version > version);
    this.log.splice(0, keep === -1 ? this.log.length : keep);
  }

  #replace(before: Stored, after: Stored): Stored {
    const gone = after.metadata.deletionTimestamp && !after.metadata.finalizers?.length;
    return this.#record(gone ? 'DELETED' : 'MODIFIED', after, before);
  }

  #record(type: Recorded['type'], content: Stored, before?: Stored): Stored {
    const version = this.#nextVersion();
    const object = { ...content, metadata: { ...content.metadata, resourceVersion: String(version) } };
    if (type === 'DELETED') this.objects.delete(keyOf(object));
    else this.objects.set(keyOf(object), object);
    const change = { version, type, object, ...(before && { before }) };
    this.log.push(change);
    for (const watcher of this.watchers) watcher(change);
    return object;
  }
}

function withStatus(before: Stored, status: unknown): Stored {
  return { ...before, status };
}

function withMain(before: Stored, object: Stored): Stored {
  const { uid, creationTimestamp, deletionTimestamp, resourceVersion, generation = 1 } = before.metadata;
  const changed = !isDeepStrictEqual(before.spec, object.spec);
  const fixed = { uid, creationTimestamp, deletionTimestamp, resourceVersion };
  const set = Object.fromEntries(Object.entries(fixed).filter(([, value]) => value !== undefined));
  const metadata = { ...object.metadata, ...set, generation: changed ? generation + 1 : generation };
  const status = before.status === undefined ? {} : { status: before.status };
  return { ...object, ...status, metadata };
}

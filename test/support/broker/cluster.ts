/** The part of a cluster that the broker sees, within the process: objects with resourceVersions, and keys that sign Pods' tokens. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JWK, JWTPayload } from 'jose';
import type { SandboxStores } from '../../../src/broker/identity/subjects.ts';
import type { Sandbox } from '../../../src/crds/sandbox.ts';
import type { Listener, WatchedStore } from '../../../src/kube/cache/cache.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { Job, Pod } from '../../../src/kube/kinds.ts';
import type { Kind, KubeClient, KubeObject, ObjectKey, Store } from '../../../src/kube/types.ts';

export const ISSUER = 'https://kubernetes.default.svc.cluster.local';

const failure = (status: number, reason: string): ApiError =>
  new ApiError({ status, reason, message: reason });

const idOf = ({ plural }: { plural: string }, { namespace, name }: ObjectKey): string =>
  `${plural}/${namespace}/${name}`;

const keyOf = ({ metadata }: KubeObject): ObjectKey => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name,
});

/** What an installation calls what belongs to the broker. */
export const INSTALLED = { namespace: 'sb-system', secret: 'sb-broker-tls', service: 'sb-broker' };

/** Writes are checked as the API server checks them: `create` for AlreadyExists, `replace` for Conflict. */
export class TestCluster {
  readonly objects = new Map<string, KubeObject>();
  /** `get pods/default/a`, `raw /openid/v1/jwks` and the like, in order. */
  readonly calls: string[] = [];
  /** While true, nothing answers. */
  down = false;
  issuer = ISSUER;
  jwks: JWK[] = [];
  /** What the API server makes of an object that is created only to be answered, by kind: a review. */
  readonly reviews = new Map<string, (object: KubeObject) => object>();
  /** Runs before every write; a test can write first in it. */
  beforeWrite: () => void = () => undefined;
  #version = 0;

  /** Puts an object there, as somebody else's write. */
  put<T extends KubeObject>(kind: Kind<T>, object: T): T {
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) };
    const stored = { ...object, metadata };
    this.objects.set(idOf(kind, keyOf(object)), stored);
    return stored;
  }

  found<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): T | undefined {
    return this.objects.get(idOf(kind, key)) as T | undefined;
  }

  remove(kind: Kind<KubeObject>, key: ObjectKey): void {
    this.objects.delete(idOf(kind, key));
  }

  readonly kube = {
    get: async <T extends KubeObject>(kind: Kind<T>, key: ObjectKey) => {
      this.#begin(`get ${idOf(kind, key)}`);
      return structuredClone(this.found(kind, key));
    },
    create: async <T extends KubeObject>(kind: Kind<T>, object: T) => {
      this.#begin(`create ${idOf(kind, keyOf(object))}`);
      const review = this.reviews.get(kind.kind);
      if (review) return { ...structuredClone(object), ...review(object) };
      this.beforeWrite();
      if (this.found(kind, keyOf(object))) throw failure(409, 'AlreadyExists');
      return this.put(kind, object);
    },
    replace: async <T extends KubeObject>(kind: Kind<T>, object: T) => {
      this.#begin(`replace ${idOf(kind, keyOf(object))}`);
      this.beforeWrite();
      const known = this.found(kind, keyOf(object));
      if (known?.metadata.resourceVersion !== object.metadata.resourceVersion) throw failure(409, 'Conflict');
      return this.put(kind, object);
    },
    raw: async (path: string) => {
      this.#begin(`raw ${path}`);
      return path === '/openid/v1/jwks' ? { keys: this.jwks } : { issuer: this.issuer };
    },
  } as unknown as KubeClient;

  #begin(call: string): void {
    this.calls.push(call);
    if (this.down) throw failure(0, 'Unreachable');
  }
}

/** A watch cache that holds what it is given, and has heard of the API server lately. */
export function cacheOf<T extends KubeObject>(
  ...objects: T[]
): Store<T> & Pick<WatchedStore<T>, 'subscribe'> {
  const same = (object: T, { namespace, name }: ObjectKey): boolean =>
    object.metadata.namespace === namespace && object.metadata.name === name;
  return {
    synced: true,
    fresh: true,
    list: () => objects,
    by: () => [],
    get: (key) => objects.find((object) => same(object, key)),
    subscribe: () => () => {},
  };
}

/** A watch cache that a test writes into, as the reflector does. */
export class WritableCache<T extends KubeObject> implements Store<T> {
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<Listener<T>>();
  synced = true;
  fresh = true;

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(`${key.namespace}/${key.name}`);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  by(): T[] {
    return [];
  }

  put(...objects: T[]): void {
    for (const object of objects) {
      const { namespace, name } = keyOf(object);
      this.#objects.set(`${namespace}/${name}`, object);
      for (const listener of this.#listeners) listener({ type: 'added', object, initial: false });
    }
  }

  subscribe(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  remove({ namespace, name }: ObjectKey): void {
    this.#objects.delete(`${namespace}/${name}`);
  }
}

/** For a broker that has nothing to do with Sandboxes. */
export const NO_SANDBOXES: SandboxStores = {
  sandboxes: cacheOf<Sandbox>(),
  sandboxJobs: cacheOf<Job>(),
  sandboxPods: cacheOf<Pod>(),
};

/** Name of the broker's Service in its certificate. */
export const BROKER_NAME = `${INSTALLED.service}.${INSTALLED.namespace}.svc`;

/** A key pair of the cluster's token signer. */
export async function signingKey(kid: string, alg: 'RS256' | 'ES256' = 'RS256') {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  const sign = (claims: JWTPayload): Promise<string> =>
    new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(privateKey);
  return { jwk, publicKey, sign };
}

/** The claims of a projected token as kube-apiserver writes them, good for an hour from `now`. */
export function podClaims(now: Date, pod = { name: 'solve-1-x7k2p', uid: 'pod-uid' }): JWTPayload {
  const seconds = Math.floor(now.getTime() / 1000);
  return {
    aud: ['sb-broker'],
    iss: ISSUER,
    iat: seconds,
    nbf: seconds,
    exp: seconds + 3600,
    sub: 'system:serviceaccount:evals:default',
    'kubernetes.io': {
      namespace: 'evals',
      node: { name: 'node-1', uid: 'node-uid' },
      pod,
      serviceaccount: { name: 'default', uid: 'account-uid' },
    },
  };
}

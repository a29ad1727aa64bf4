/** The cluster's public keys, with which projected tokens are checked offline. */
import { createLocalJWKSet } from 'jose';
import type { JSONWebKeySet } from 'jose';
import type { KubeClient } from '../../kube/types.ts';

export interface Keys {
  issuer: string;
  key: ReturnType<typeof createLocalJWKSet>;
}

export interface ClusterKeys {
  /** The keys as last read; the first call reads them. Rejects while none could be read yet. */
  current(): Promise<Keys>;
  /** Reads them again; undefined where that was done so shortly ago that it may not be done again. */
  renewed(): Promise<Keys | undefined>;
}

/** Strangers can make up key ids; they must not make us ask the API server more often than this. */
const PAUSE_MS = 10_000;
/** Pause after a read that failed. */
const RETRY_MS = 1000;

const issuerOf = (discovery: unknown): string => {
  const issuer = (discovery as { issuer?: unknown } | null)?.issuer;
  if (typeof issuer !== 'string') throw new Error('the cluster’s openid-configuration names no issuer');
  return issuer;
};

/** Keys and issuer out of the API server's OIDC discovery documents. */
export function clusterKeys({ kube, now }: { kube: KubeClient; now: () => Date }): ClusterKeys {
  let known: Keys | undefined;
  let reading: Promise<Keys> | undefined;
  let notBefore = 0;
  const read = async (): Promise<Keys> => {
    notBefore = now().getTime() + RETRY_MS;
    const [discovery, keys] = await Promise.all([
      kube.raw('/.well-known/openid-configuration'),
      kube.raw('/openid/v1/jwks'),
    ]);
    known = { issuer: issuerOf(discovery), key: createLocalJWKSet(keys as JSONWebKeySet) };
    notBefore = now().getTime() + PAUSE_MS;
    return known;
  };
  /** Everybody who asks while a read is under way gets that one. */
  const renewed = async (): Promise<Keys | undefined> => {
    if (reading) return reading;
    if (now().getTime() < notBefore) return undefined;
    reading = read().finally(() => (reading = undefined));
    return reading;
  };
  return {
    renewed,
    async current() {
      const keys = known ?? (await renewed());
      if (keys) return keys;
      throw new Error('the cluster’s token keys could not be read a moment ago');
    },
  };
}

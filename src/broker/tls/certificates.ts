/** The broker's certificate: kept in a Secret that all replicas share, made by whichever comes first, renewed by any. */
import { sleep, systemClock, type Clock } from '../../async/clock.ts';
import { isAlreadyExists, isConflict } from '../../kube/errors.ts';
import { Secret } from '../../kube/kinds.ts';
import type { KubeClient, Log } from '../../kube/types.ts';
import { issueAuthority, issueLeaf } from './issue.ts';
import { isGoodAuthority, isGoodLeaf } from './material.ts';
import type { KeyPair, TlsMaterial } from './material.ts';

export interface CertificateOptions {
  kube: KubeClient;
  /** The operator's own namespace. */
  namespace: string;
  /** Name of the Secret there that keeps the certificate. */
  secret: string;
  /** Name of the broker's Service there. */
  service: string;
  /** Further host names or IP addresses that clients call the broker by. */
  names?: string[];
  now: () => Date;
  log: Log;
}

export interface BrokerCertificate {
  current(): TlsMaterial;
  /** PEM of the CA, for couriers. */
  ca(): string;
  /** Calls `listener` after every later change; the returned function ends that. */
  onChange(listener: (material: TlsMaterial) => void): () => void;
  /** Looks at the Secret, and puts right what is missing, wrong or about to expire. */
  refresh(): Promise<void>;
  /** Refreshes every 10 s until `signal` fires. Never rejects. */
  keep(signal: AbortSignal, clock?: Clock): Promise<void>;
}

const POLL_MS = 10_000;
/** Replicas that write at the same time: one wins, the others read. */
const MAX_ROUNDS = 5;

interface Bundle {
  authority: KeyPair;
  leaf: KeyPair;
}

type Fields = readonly [key: string, cert: string];
const AUTHORITY: Fields = ['ca.key', 'ca.crt'];
const LEAF: Fields = ['tls.key', 'tls.crt'];

const read = (secret: Secret | undefined, [key, cert]: Fields): KeyPair => ({
  key: Buffer.from(secret?.data?.[key] ?? '', 'base64').toString(),
  cert: Buffer.from(secret?.data?.[cert] ?? '', 'base64').toString(),
});

const written = (pair: KeyPair, [key, cert]: Fields): Record<string, string> => ({
  [key]: Buffer.from(pair.key).toString('base64'),
  [cert]: Buffer.from(pair.cert).toString('base64'),
});

const isSame = (one: KeyPair, other: KeyPair): boolean => one.key === other.key && one.cert === other.cert;

const hostNames = ({ namespace, service, names = [] }: CertificateOptions): string[] => {
  const own = [service, `${service}.${namespace}`, `${service}.${namespace}.svc`];
  return [...new Set([...own, 'localhost', '127.0.0.1', ...names])];
};

async function store(kube: KubeClient, secret: Secret, isNew: boolean): Promise<void> {
  await (isNew ? kube.create(Secret, secret) : kube.replace(Secret, secret));
}

/** A CA that couriers trust already outlives a Secret that somebody deleted or broke: the process remembers it. */
async function authorityFor(
  { now, log }: CertificateOptions,
  secret: Secret | undefined,
  remembered: KeyPair | undefined,
): Promise<KeyPair> {
  const candidates = [read(secret, AUTHORITY), ...(remembered ? [remembered] : [])];
  const good = candidates.find((pair) => isGoodAuthority(pair, now()));
  if (good) return good;
  if (secret)
    log.warn(
      {},
      'broker: the CA was unusable and is replaced; couriers that run now do not trust the new one',
    );
  return issueAuthority(now());
}

/** What the Secret holds after it was made good. Rejects with a conflict where another replica wrote first. */
async function settle(options: CertificateOptions, remembered: KeyPair | undefined): Promise<Bundle> {
  const { kube, namespace, secret: name, now, log } = options;
  const secret = await kube.get(Secret, { namespace, name });
  const authority = await authorityFor(options, secret, remembered);
  const needs = { authority, names: hostNames(options), now: now() };
  const found = read(secret, LEAF);
  const leaf = isGoodLeaf(found, needs) ? found : await issueLeaf(needs);
  if (isSame(leaf, found) && isSame(authority, read(secret, AUTHORITY))) return { authority, leaf };
  const data = { ...secret?.data, ...written(authority, AUTHORITY), ...written(leaf, LEAF) };
  const metadata = secret?.metadata ?? { name, namespace };
  await store(
    kube,
    { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata, data },
    secret === undefined,
  );
  log.info({ secret: `${namespace}/${name}` }, 'broker: wrote a new certificate');
  return { authority, leaf };
}

async function settleAgainstOthers(
  options: CertificateOptions,
  remembered: KeyPair | undefined,
): Promise<Bundle> {
  for (let round = 1; ; round++) {
    try {
      return await settle(options, remembered);
    } catch (error) {
      if (round === MAX_ROUNDS || !(isConflict(error) || isAlreadyExists(error))) throw error;
    }
  }
}

/** Resolves once there is a certificate; rejects where the Secret cannot be read or written. */
export async function brokerCertificate(options: CertificateOptions): Promise<BrokerCertificate> {
  const listeners = new Set<(material: TlsMaterial) => void>();
  let bundle = await settleAgainstOthers(options, undefined);
  const current = (): TlsMaterial => ({ ...bundle.leaf, ca: bundle.authority.cert });
  const refresh = async (): Promise<void> => {
    const settled = await settleAgainstOthers(options, bundle.authority);
    const changed = !isSame(settled.leaf, bundle.leaf) || !isSame(settled.authority, bundle.authority);
    bundle = settled;
    if (changed) for (const listener of listeners) listener(current());
  };
  return {
    current,
    ca: () => bundle.authority.cert,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh,
    async keep(signal, clock = systemClock) {
      while (!signal.aborted) {
        await sleep(clock, POLL_MS, signal);
        if (signal.aborted) return;
        await refresh().catch((error: unknown) =>
          options.log.warn({ err: error }, `broker: Secret ${options.secret} could not be checked`),
        );
      }
    },
  };
}

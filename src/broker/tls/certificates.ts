/**
 * The broker's certificate, its CA and the key of its session tokens: kept in a Secret that all replicas share, made by whichever comes first,
 * renewed by any.
 */
import { randomBytes } from 'node:crypto';
import { sleep, systemClock, type Clock } from '../../async/clock.ts';
import { isAlreadyExists, isConflict } from '../../kube/errors.ts';
import { Secret } from '../../kube/kinds.ts';
import type { KubeClient, Log } from '../../kube/types.ts';
import { issueAuthority, issueCourierLeaf, issueLeaf, prepareToIssue, type CourierLeaf } from './issue.ts';
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
  /** What a courier shows to the broker: as a server of that DNS name, for a day. */
  issueCourier(dnsName: string): Promise<CourierLeaf>;
  /** Before couriers are in a hurry for the first one. */
  prepareCouriers(): Promise<void>;
  /** 32 bytes that all replicas sign session tokens with. Another one where somebody took the old one out of the Secret and no replica knew it. */
  sessionKey(): Buffer;
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
  session: Buffer;
}

type Fields = readonly [key: string, cert: string];
const AUTHORITY: Fields = ['ca.key', 'ca.crt'];
const LEAF: Fields = ['tls.key', 'tls.crt'];
const SESSION = 'session.key';
const SESSION_BYTES = 32;

const read = (secret: Secret | undefined, [key, cert]: Fields): KeyPair => ({
  key: Buffer.from(secret?.data?.[key] ?? '', 'base64').toString(),
  cert: Buffer.from(secret?.data?.[cert] ?? '', 'base64').toString(),
});

const written = (pair: KeyPair, [key, cert]: Fields): Record<string, string> => ({
  [key]: Buffer.from(pair.key).toString('base64'),
  [cert]: Buffer.from(pair.cert).toString('base64'),
});

const contentOf = ({ authority, leaf, session }: Bundle): Record<string, string> => ({
  ...written(authority, AUTHORITY),
  ...written(leaf, LEAF),
  [SESSION]: session.toString('base64'),
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
  remembered: Bundle | undefined,
): Promise<KeyPair> {
  const candidates = [read(secret, AUTHORITY), ...(remembered ? [remembered.authority] : [])];
  const good = candidates.find((pair) => isGoodAuthority(pair, now()));
  if (good) return good;
  if (secret)
    log.warn(
      {},
      'broker: the CA was unusable and is replaced; couriers that run now do not trust the new one',
    );
  return issueAuthority(now());
}

/** Remembered like the CA, so that no session ends with the Secret. */
function sessionKeyFor(secret: Secret | undefined, remembered: Bundle | undefined): Buffer {
  const found = Buffer.from(secret?.data?.[SESSION] ?? '', 'base64');
  return found.length === SESSION_BYTES ? found : (remembered?.session ?? randomBytes(SESSION_BYTES));
}

/** What the Secret holds after it was made good. Rejects with a conflict where another replica wrote first. */
async function settle(options: CertificateOptions, remembered: Bundle | undefined): Promise<Bundle> {
  const { kube, namespace, secret: name, now, log } = options;
  const secret = await kube.get(Secret, { namespace, name });
  const authority = await authorityFor(options, secret, remembered);
  const needs = { authority, names: hostNames(options), now: now() };
  const found = read(secret, LEAF);
  const leaf = isGoodLeaf(found, needs) ? found : await issueLeaf(needs);
  const bundle: Bundle = { authority, leaf, session: sessionKeyFor(secret, remembered) };
  const content = contentOf(bundle);
  if (Object.entries(content).every(([key, value]) => secret?.data?.[key] === value)) return bundle;
  const data = { ...secret?.data, ...content };
  const metadata = secret?.metadata ?? { name, namespace };
  await store(
    kube,
    { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata, data },
    secret === undefined,
  );
  log.info({ secret: `${namespace}/${name}` }, 'broker: wrote its certificate and keys');
  return bundle;
}

async function settleAgainstOthers(
  options: CertificateOptions,
  remembered: Bundle | undefined,
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
    const settled = await settleAgainstOthers(options, bundle);
    const changed = !isSame(settled.leaf, bundle.leaf) || !isSame(settled.authority, bundle.authority);
    bundle = settled;
    if (changed) for (const listener of listeners) listener(current());
  };
  return {
    current,
    ca: () => bundle.authority.cert,
    issueCourier: (dnsName) => issueCourierLeaf(bundle.authority, { dnsName, now: options.now() }),
    prepareCouriers: prepareToIssue,
    sessionKey: () => bundle.session,
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

/** Users who have no token but a client certificate of the cluster, as kubeadm's and kind's admins: their TLS connection has proved that they have its key. */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { ConfigMap } from '../../kube/kinds.ts';
import type { KubeClient } from '../../kube/types.ts';
import { CLIENT_AUTH } from '../tls/material.ts';
import { refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { AUTHENTICATED, type Caller } from './caller.ts';

/** Undefined where the connection has no client certificate. */
export type CertificateCaller = Caller | Refused | undefined;

/** Where every API server says which CAs it takes for those of clients. */
const AUTHORITIES_SOURCE = {
  namespace: 'kube-system',
  name: 'extension-apiserver-authentication',
  key: 'client-ca-file',
} as const;

const GOOD_MS = 5 * 60_000;
/** Certificates of CAs that we do not know make us look again, no more often than this. */
const PAUSE_MS = 10_000;

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** One that Node cannot read takes none of the others away. */
function certificateIn(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** Reads the cluster's CAs of clients, and remembers them for five minutes. */
function authorities({ kube, now }: { kube: KubeClient; now: () => Date }) {
  let known: X509Certificate[] = [];
  let readMs = -Infinity;
  let reading: Promise<X509Certificate[]> | undefined;
  const read = async (): Promise<X509Certificate[]> => {
    const { key, ...at } = AUTHORITIES_SOURCE;
    const found = await kube.get(ConfigMap, at);
    readMs = now().getTime();
    known = (found?.data?.[key]?.match(PEM) ?? []).flatMap((pem) => certificateIn(pem) ?? []);
    return known;
  };
  /** At most so old. */
  return async (ageMs: number): Promise<X509Certificate[]> => {
    if (now().getTime() - readMs < ageMs) return known;
    reading ??= read().finally(() => (reading = undefined));
    return reading;
  };
}

const bad = (why: string): Refused =>
  refused(401, 'BadCertificate', `your client certificate ${why}; log in again, or send a token`);

/**
 * Pure. The CA has to have signed it itself: what an intermediate CA may sign is more than is checked here. Nobody revokes client certificates of
 * Kubernetes.
 */
export function isSignedBy(certificate: X509Certificate, authority: X509Certificate, now: Date): boolean {
  return (
    authority.ca &&
    isCurrent(authority, now) &&
    certificate.checkIssued(authority) &&
    certificate.verify(authority.publicKey)
  );
}

const isCurrent = ({ validFromDate, validToDate }: X509Certificate, now: Date): boolean =>
  validFromDate <= now && now < validToDate;

/** Pure: the user that a certificate of the cluster names: CN, and O for each group. */
export function userOf(certificate: X509Certificate, now: Date): Caller | Refused {
  if (!isCurrent(certificate, now)) return bad(`was good until ${certificate.validToDate.toISOString()}`);
  // Node calls those of the extended usage so.
  if (!certificate.keyUsage?.includes(CLIENT_AUTH)) return bad('is not meant for clients');
  const { CN: name, O: groups = [] } = certificate.toLegacyObject().subject as Record<
    string,
    string | string[] | undefined
  >;
  if (typeof name !== 'string' || name === '') return bad('names no user');
  return { name, groups: [...[groups].flat(), AUTHENTICATED], way: 'Certificate' };
}

/** The function rejects with `ApiError` where the API server has to say which CAs there are, and does not answer. */
export function certificateCallers(deps: { kube: KubeClient; now: () => Date }) {
  const authoritiesOf = authorities(deps);
  const isOfCluster = async (certificate: X509Certificate): Promise<boolean> => {
    for (const ageMs of [GOOD_MS, PAUSE_MS])
      if ((await authoritiesOf(ageMs)).some((one) => isSignedBy(certificate, one, deps.now()))) return true;
    return false;
  };
  return async (socket: TLSSocket): Promise<CertificateCaller> => {
    const certificate = socket.getPeerX509Certificate();
    if (!certificate) return undefined;
    if (!(await isOfCluster(certificate))) return bad('is not of this cluster');
    return userOf(certificate, deps.now());
  };
}

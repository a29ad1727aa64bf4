/** Key pairs of the broker as they lie in its Secret, and whether they are still good. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** PEM. */
export interface KeyPair {
  key: string;
  cert: string;
}

/** What an HTTPS server needs, and what its clients need to trust it; all PEM. */
export interface TlsMaterial extends KeyPair {
  /** The CA's certificate. */
  ca: string;
}

const DAY_MS = 86_400_000;
export const AUTHORITY_MS = 3650 * DAY_MS;
export const LEAF_MS = 90 * DAY_MS;
/** Of what a courier of a Sandbox shows. */
export const COURIER_MS = DAY_MS;
/** Other machines' clocks may be behind. */
export const BACKDATE_MS = 5 * 60_000;

/** What a key may be used for at the ends of a TLS connection: RFC 5280, 4.2.1.12. */
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** The certificate of a pair whose parts belong together; undefined for everything else. */
function certificateOf({ key, cert }: KeyPair): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(cert);
    return certificate.checkPrivateKey(createPrivateKey(key)) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** False for a CA that a new leaf would outlive. */
export function isGoodAuthority(pair: KeyPair, now: Date): boolean {
  const certificate = certificateOf(pair);
  return certificate?.ca === true && certificate.validToDate.getTime() - now.getTime() > LEAF_MS;
}

/** What is required of a leaf. */
export interface LeafNeeds {
  authority: KeyPair;
  /** Host names and IP addresses that clients call it by. */
  names: string[];
  now: Date;
}

/** False when it is not of this CA, lacks a name, cannot be shown to couriers, or has less than a third of its life left. */
export function isGoodLeaf(pair: KeyPair, { authority, names, now }: LeafNeeds): boolean {
  const leaf = certificateOf(pair);
  if (!leaf) return false;
  const ca = new X509Certificate(authority.cert);
  const usages: string[] | undefined = leaf.keyUsage;
  const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  return (
    leaf.checkIssued(ca) &&
    leaf.verify(ca.publicKey) &&
    [SERVER_AUTH, CLIENT_AUTH].every((usage) => usages?.includes(usage)) &&
    names.every((name) => (isIP(name) === 0 ? leaf.checkHost(name) : leaf.checkIP(name)) !== undefined) &&
    from <= now.getTime() &&
    to - now.getTime() > (to - from) / 3
  );
}

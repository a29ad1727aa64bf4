/** Certificates of people, as a cluster's client CA signs them. */
import { createPrivateKey, KeyObject } from 'node:crypto';
import { issueAuthority } from '../../../src/broker/tls/issue.ts';
import { CLIENT_AUTH, type KeyPair } from '../../../src/broker/tls/material.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;

export const clientAuthority = (): Promise<KeyPair> => issueAuthority(new Date());

interface Person {
  /** As in `CN=jane,O=team-a`. */
  subject: string;
  usages?: string[];
  /** Hours from now; default: an hour ago to in an hour. */
  from?: number;
  to?: number;
}

export async function clientCertificate(authority: KeyPair, person: Person): Promise<KeyPair> {
  const { subject, usages = [CLIENT_AUTH], from = -1, to = 1 } = person;
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: new x509.X509Certificate(authority.cert).subject,
    serialNumber: '0102',
    notBefore: new Date(Date.now() + from * HOUR_MS),
    notAfter: new Date(Date.now() + to * HOUR_MS),
    publicKey: keys.publicKey,
    signingKey: createPrivateKey(authority.key).toCryptoKey(ALGORITHM, false, ['sign']),
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.ExtendedKeyUsageExtension(usages)],
  });
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' });
  return { key, cert: certificate.toString('pem') };
}

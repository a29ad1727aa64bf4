/** Makes the broker's CA and its leaf certificates: ECDSA P-256. */
import { createPrivateKey, KeyObject, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { AUTHORITY_MS, BACKDATE_MS, LEAF_MS } from './material.ts';
import type { KeyPair, LeafNeeds } from './material.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Twenty-some megabytes that most replicas never need: a certificate is made once in two months. */
async function loadX509() {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

const newKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

const pemOf = (key: CryptoKey): string => KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' });

/** Positive and unpredictable, as RFC 5280 asks for. */
const serialNumber = (): string => `01${randomBytes(15).toString('hex')}`;

const life = (now: Date, ms: number) => ({
  notBefore: new Date(now.getTime() - BACKDATE_MS),
  notAfter: new Date(now.getTime() + ms),
});

export async function issueAuthority(now: Date): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=sb-broker CA',
    serialNumber: serialNumber(),
    ...life(now, AUTHORITY_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: pemOf(keys.privateKey), cert: `${certificate.toString('pem')}\n` };
}

export async function issueLeaf({ authority, names, now }: LeafNeeds): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.cert);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=sb-broker',
    issuer: issuer.subject,
    serialNumber: serialNumber(),
    ...life(now, LEAF_MS),
    publicKey: keys.publicKey,
    signingKey: createPrivateKey(authority.key).toCryptoKey(ALGORITHM, false, ['sign']),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { key: pemOf(keys.privateKey), cert: `${certificate.toString('pem')}\n` };
}

/** Makes the broker's CA, its leaf certificates and those of couriers: ECDSA P-256. */
import { createPrivateKey, KeyObject, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { AUTHORITY_MS, BACKDATE_MS, CLIENT_AUTH, COURIER_MS, LEAF_MS, SERVER_AUTH } from './material.ts';
import type { KeyPair, LeafNeeds } from './material.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Twenty-some megabytes that a replica without Sandboxes never needs: the broker's own certificate is made once in two months. */
async function loadX509() {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** Loads what makes certificates; the first would wait for that, and with it everything else in this process. */
export const prepareToIssue = async (): Promise<void> => void (await loadX509());

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

/** The broker shows it to whoever calls it, and to the couriers that it calls itself. */
export const issueLeaf = ({ authority, names, now }: LeafNeeds): Promise<KeyPair> =>
  issue(authority, {
    subject: 'CN=sb-broker',
    names,
    usages: [SERVER_AUTH, CLIENT_AUTH],
    ...life(now, LEAF_MS),
  });

/** What a courier shows to the broker. */
export interface CourierLeaf extends KeyPair {
  /** RFC 3339, UTC. */
  notAfter: string;
}

/** Good for a day, as a server of the name `dnsName` alone: nobody takes it for the broker. */
export async function issueCourierLeaf(
  authority: KeyPair,
  { dnsName, now }: { dnsName: string; now: Date },
): Promise<CourierLeaf> {
  const lasting = life(now, COURIER_MS);
  const subject = 'CN=sb-courier';
  const pair = await issue(authority, { subject, names: [dnsName], usages: [SERVER_AUTH], ...lasting });
  return { ...pair, notAfter: lasting.notAfter.toISOString() };
}

interface Contents {
  subject: string;
  names: string[];
  usages: string[];
  notBefore: Date;
  notAfter: Date;
}

async function issue(authority: KeyPair, { names, usages, ...contents }: Contents): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.cert);
  const certificate = await x509.X509CertificateGenerator.create({
    ...contents,
    issuer: issuer.subject,
    serialNumber: serialNumber(),
    publicKey: keys.publicKey,
    signingKey: createPrivateKey(authority.key).toCryptoKey(ALGORITHM, false, ['sign']),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { key: pemOf(keys.privateKey), cert: `${certificate.toString('pem')}\n` };
}

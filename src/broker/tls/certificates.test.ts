import { expect } from 'chai';
import { X509Certificate } from 'node:crypto';
import { Secret } from '../../kube/kinds.ts';
import type { Log } from '../../kube/types.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { TestCluster, INSTALLED } from '../../../test/support/broker/cluster.ts';
import { brokerCertificate } from './certificates.ts';
import { isGoodAuthority } from './material.ts';
import type { TlsMaterial } from './material.ts';

const DAY_MS = 86_400_000;
const key = { namespace: INSTALLED.namespace, name: INSTALLED.secret };

describe('certificate of the broker', () => {
  let clock: number;
  let cluster: TestCluster;
  let warnings: string[];
  const now = () => new Date(clock);
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_, message) => warnings.push(message),
    error: () => undefined,
  };
  const replica = (names?: string[]) =>
    brokerCertificate({ kube: cluster.kube, ...INSTALLED, now, log, ...(names && { names }) });

  beforeEach(() => {
    clock = Date.parse('2026-03-01T12:00:00Z');
    cluster = new TestCluster();
    warnings = [];
  });

  const secret = (): Secret => cluster.found(Secret, key) ?? expect.fail('no Secret');
  const change = (data: Record<string, string>): void => {
    cluster.put(Secret, { ...secret(), data: { ...secret().data, ...data } });
  };
  const writes = (): string[] => cluster.calls.filter((call) => !call.startsWith('get'));
  const parsed = ({ cert, ca }: TlsMaterial) => [new X509Certificate(cert), new X509Certificate(ca)] as const;

  it('is made with a CA for ten years and a leaf for ninety days, for all names of the Service', async () => {
    const [leaf, ca] = parsed((await replica(['broker.example.org', '10.0.0.7'])).current());
    expect(leaf.checkIssued(ca) && leaf.verify(ca.publicKey) && ca.ca).to.equal(true);
    expect(leaf.ca).to.equal(false);
    for (const name of [
      'sb-broker',
      'sb-broker.sb-system',
      'sb-broker.sb-system.svc',
      'localhost',
      'broker.example.org',
    ])
      expect(leaf.checkHost(name), name).to.equal(name);
    expect(leaf.checkIP('127.0.0.1')).to.equal('127.0.0.1');
    expect(leaf.checkIP('10.0.0.7')).to.equal('10.0.0.7');
    expect(leaf.validToDate.getTime() - clock).to.equal(90 * DAY_MS);
    expect(ca.validToDate.getTime() - clock).to.equal(3650 * DAY_MS);
    expect(writes()).to.deep.equal(['create secrets/sb-system/sb-broker-tls']);
  });

  it('is the same for all replicas, whoever comes first', async () => {
    const [one, two, three] = await Promise.all([replica(), replica(), replica()]);
    expect(two.current()).to.deep.equal(one.current());
    expect(three.current()).to.deep.equal(one.current());
    expect((await replica()).current()).to.deep.equal(one.current());
  });

  it('is left alone while it is good', async () => {
    const certificate = await replica();
    clock += 59 * DAY_MS;
    await certificate.refresh();
    expect(writes()).to.have.length(1);
  });

  it('is renewed by the same CA when less than a third of its life is left', async () => {
    const [one, two] = [await replica(), await replica()];
    const [before, ca] = parsed(one.current());
    const heard: TlsMaterial[] = [];
    one.onChange((material) => heard.push(material));
    clock += 61 * DAY_MS;
    await Promise.all([one.refresh(), two.refresh()]);
    const [after] = parsed(one.current());
    expect(after.serialNumber).to.not.equal(before.serialNumber);
    expect(after.verify(ca.publicKey)).to.equal(true);
    expect(new X509Certificate(one.ca()).serialNumber).to.equal(ca.serialNumber);
    expect(two.current()).to.deep.equal(one.current());
    expect(heard).to.deep.equal([one.current()]);
  });

  it('is renewed when its leaf is deleted or broken, and everybody follows', async () => {
    const [one, two] = [await replica(), await replica()];
    const ca = one.ca();
    for (const broken of [
      { 'tls.crt': '', 'tls.key': '' },
      { 'tls.crt': 'bm90IFBFTQ==' },
      { 'tls.key': secret().data?.['ca.key'] ?? '' },
    ]) {
      const before = one.current();
      change(broken);
      await one.refresh();
      await two.refresh();
      expect(one.current().cert).to.not.equal(before.cert);
      expect(two.current()).to.deep.equal(one.current());
      expect(one.ca()).to.equal(ca);
    }
  });

  it('is renewed when it lacks a name that clients call it by', async () => {
    const before = (await replica()).current();
    const after = (await replica(['broker.example.org'])).current();
    expect(after.cert).to.not.equal(before.cert);
    expect(after.ca).to.equal(before.ca);
  });

  it('is renewed when it is of another CA', async () => {
    const certificate = await replica();
    const other = new TestCluster();
    await brokerCertificate({ kube: other.kube, ...INSTALLED, now, log });
    const { 'tls.crt': crt = '', 'tls.key': stolen = '' } = other.found(Secret, key)?.data ?? {};
    change({ 'tls.crt': crt, 'tls.key': stolen });
    await certificate.refresh();
    const [leaf, ca] = parsed(certificate.current());
    expect(leaf.verify(ca.publicKey)).to.equal(true);
  });

  it('keeps its CA when the whole Secret is deleted, so that running couriers go on trusting it', async () => {
    const certificate = await replica();
    const ca = certificate.ca();
    cluster.remove(Secret, key);
    await certificate.refresh();
    expect(certificate.ca()).to.equal(ca);
    expect((await replica()).ca()).to.equal(ca);
    expect(warnings).to.deep.equal([]);
  });

  it('gets a new CA, with a warning, where the old one is lost or would not outlive a leaf', async () => {
    const ca = (await replica()).ca();
    change({ 'ca.key': '' });
    const after = await replica();
    expect(after.ca()).to.not.equal(ca);
    expect(warnings).to.have.length(1);
    const pair = { key: Buffer.from(secret().data?.['ca.key'] ?? '', 'base64').toString(), cert: after.ca() };
    expect(isGoodAuthority(pair, new Date(clock + 3559 * DAY_MS))).to.equal(true);
    expect(isGoodAuthority(pair, new Date(clock + 3561 * DAY_MS))).to.equal(false);
    expect(isGoodAuthority({ key: after.current().key, cert: after.current().cert }, now())).to.equal(false);
  });

  it('comes with a key for session tokens that all replicas share and remember', async () => {
    const [one, two] = await Promise.all([replica(), replica()]);
    const key32 = one.sessionKey();
    expect(key32).to.have.length(32);
    expect(two.sessionKey()).to.deep.equal(key32);
    expect(secret().data?.['session.key']).to.equal(key32.toString('base64'));
    change({ 'session.key': '' });
    await one.refresh();
    expect((await replica()).sessionKey()).to.deep.equal(key32);
    cluster.remove(Secret, key);
    await two.refresh();
    expect((await replica()).sessionKey()).to.deep.equal(key32);
  });

  it('gets that key where an earlier version left none, and leaves the rest alone', async () => {
    const before = (await replica()).current();
    change({ 'session.key': '' });
    const after = await replica();
    expect(after.sessionKey()).to.have.length(32);
    expect(after.current()).to.deep.equal(before);
  });

  it('tells nobody of a new certificate where the key alone was written', async () => {
    const certificate = await replica();
    const heard: TlsMaterial[] = [];
    certificate.onChange((material) => heard.push(material));
    change({ 'session.key': Buffer.alloc(32, 7).toString('base64') });
    await certificate.refresh();
    expect(certificate.sessionKey()).to.deep.equal(Buffer.alloc(32, 7));
    expect(heard).to.deep.equal([]);
  });

  it('lets couriers have certificates of its CA', async () => {
    const certificate = await replica();
    const dnsName = 'sandbox-uid.pod-uid.sandbox.sb.abundant.ai';
    const { cert, notAfter } = await certificate.issueCourier(dnsName);
    const [leaf, ca] = [new X509Certificate(cert), new X509Certificate(certificate.ca())];
    expect(leaf.verify(ca.publicKey) && leaf.checkIssued(ca)).to.equal(true);
    expect(leaf.checkHost(dnsName)).to.equal(dnsName);
    expect(Date.parse(notAfter) - clock).to.equal(DAY_MS);
  });

  it('yields to whoever writes at the same moment', async () => {
    const certificate = await replica();
    change({ 'tls.crt': '' });
    let theirs: Record<string, string> = {};
    const other = await brokerCertificate({ kube: cluster.kube, ...INSTALLED, now, log });
    theirs = { ...secret().data };
    change({ 'tls.crt': '' });
    cluster.beforeWrite = () => {
      cluster.beforeWrite = () => undefined;
      change(theirs);
    };
    await certificate.refresh();
    expect(certificate.current()).to.deep.equal(other.current());
  });

  it('stays in use while the API server does not answer', async () => {
    const certificate = await replica();
    const before = certificate.current();
    cluster.down = true;
    expect(await certificate.refresh().catch((error: unknown) => error)).to.include({
      reason: 'Unreachable',
    });
    expect(certificate.current()).to.deep.equal(before);
  });

  it('is looked after every ten seconds until told to stop', async () => {
    const certificate = await replica();
    const looked = (): number => cluster.calls.filter((call) => call.startsWith('get')).length;
    const before = looked();
    const [stopping, manual] = [new AbortController(), new ManualClock()];
    const kept = certificate.keep(stopping.signal, manual);
    await manual.advance(30_000);
    expect(looked() - before).to.equal(3);
    stopping.abort();
    await kept;
    await manual.advance(30_000);
    expect(looked() - before).to.equal(3);
  });
});

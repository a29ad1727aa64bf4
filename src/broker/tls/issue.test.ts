import { expect } from 'chai';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { issueAuthority, issueCourierLeaf, issueLeaf } from './issue.ts';
import { isGoodLeaf, type KeyPair } from './material.ts';

const BROKER = 'sb-broker.sb-system.svc';
const COURIER = 'sandbox-uid.pod-uid.sandbox.sb.abundant.ai';

interface Ends {
  server: KeyPair;
  client: KeyPair;
  /** Whom the client means to reach. */
  name: string;
}

/** What each end says of the other; `connected` where both took the other. */
interface Handshake {
  byServer: string;
  byClient: string;
}

const verdict = (socket: TLSSocket): string =>
  socket.authorized ? 'connected' : String(socket.authorizationError);

describe('A connection between broker and courier', () => {
  const now = new Date();
  let authority: KeyPair;
  let broker: KeyPair;
  let courier: KeyPair;
  before(async () => {
    authority = await issueAuthority(now);
    broker = await issueLeaf({ authority, names: [BROKER], now });
    courier = await issueCourierLeaf(authority, { dnsName: COURIER, now });
  });

  async function handshake({ server, client, name }: Ends): Promise<Handshake> {
    const listening = createServer({
      ...server,
      ca: authority.cert,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
    }).listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const accepted = once(listening, 'secureConnection') as Promise<[TLSSocket]>;
    const { port } = listening.address() as AddressInfo;
    const dialled = connect({
      ...client,
      port,
      host: '127.0.0.1',
      ca: authority.cert,
      servername: name,
      rejectUnauthorized: false,
    });
    const [[atServer]] = await Promise.all([accepted, once(dialled, 'secureConnect')]);
    const said = { byServer: verdict(atServer), byClient: verdict(dialled) };
    dialled.destroy();
    atServer.destroy();
    listening.close();
    return said;
  }

  it('comes about from the broker to the courier of the name that it means', async () => {
    expect(await handshake({ server: courier, client: broker, name: COURIER })).to.deep.equal({
      byServer: 'connected',
      byClient: 'connected',
    });
  });

  it('does not reach another courier by that name, nor the broker', async () => {
    for (const name of ['sandbox-uid.other-uid.sandbox.sb.abundant.ai', BROKER]) {
      const { byClient } = await handshake({ server: courier, client: broker, name });
      expect(byClient, name).to.include('ERR_TLS_CERT_ALTNAME_INVALID');
    }
  });

  it('is not for a courier to make, whose certificate no server takes as a client’s', async () => {
    const { byServer } = await handshake({ server: courier, client: courier, name: COURIER });
    expect(byServer).to.equal('INVALID_PURPOSE');
  });

  it('ends before the first byte where a courier makes it', async () => {
    const listening = createServer(
      { ...courier, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
      (socket) => socket.end('let in'),
    ).listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const { port } = listening.address() as AddressInfo;
    const read = (client: KeyPair): Promise<string> =>
      new Promise((resolve) => {
        let text = '';
        const socket = connect({ ...client, port, ca: authority.cert, servername: COURIER });
        socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        socket.on('error', () => undefined).on('close', () => resolve(text));
      });
    expect(await read(broker)).to.equal('let in');
    expect(await read(courier)).to.equal('');
    listening.close();
  });

  it('is not for strangers with a CA of their own', async () => {
    const stranger = await issueLeaf({ authority: await issueAuthority(now), names: [BROKER], now });
    const { byServer } = await handshake({ server: courier, client: stranger, name: COURIER });
    expect(byServer).to.not.equal('connected');
  });
});

describe('The certificate of a courier', () => {
  it('is good for a day, and is no CA', async () => {
    const now = new Date('2026-03-01T12:00:00Z');
    const authority = await issueAuthority(now);
    const { cert, notAfter } = await issueCourierLeaf(authority, { dnsName: COURIER, now });
    const leaf = new X509Certificate(cert);
    expect(notAfter).to.equal('2026-03-02T12:00:00.000Z');
    expect(leaf.validToDate.toISOString()).to.equal(notAfter);
    expect(leaf.ca).to.equal(false);
    expect(leaf.subjectAltName).to.equal(`DNS:${COURIER}`);
  });
});

describe('A leaf of the broker', () => {
  it('is bad where no courier would take it, as those of earlier versions are', async () => {
    const now = new Date();
    const authority = await issueAuthority(now);
    const needs = { authority, names: [BROKER], now };
    const old = await issueCourierLeaf(authority, { dnsName: BROKER, now });
    expect(isGoodLeaf(await issueLeaf(needs), needs)).to.equal(true);
    expect(isGoodLeaf(old, needs)).to.equal(false);
  });
});

/** What a Sandbox's courier needs of a broker, with certificates of a CA of its own. Needs openssl. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import type {
  CourierCertificate,
  PooledAssignment,
  SandboxAssignment,
} from '../../src/wire/sandbox/assignment.ts';
import type { BrokerSettings } from '../../src/courier/settings.ts';
import { acceptTunnels, type TunnelRules, type Tunnels } from './tunnel-broker.ts';

export const BROKER_NAME = 'sb-broker.sb-system.svc';
export const COURIER_NAME = 'uid.pod.sandbox.sb.abundant.ai';

/** A CA in a folder, which signs whatever it is asked for. */
class Authority {
  readonly #folder: string;
  readonly cert: string;

  constructor(folder: string, name: string) {
    this.#folder = join(folder, name);
    const subject = ['-subj', `/CN=${name}`, '-keyout', `${this.#folder}.key`, '-out', `${this.#folder}.crt`];
    openssl('req', '-x509', ...EC, '-days', '2', ...subject);
    this.cert = readFileSync(`${this.#folder}.crt`, 'utf8');
  }

  issue(name: string, usage: 'serverAuth' | 'clientAuth'): { key: string; cert: string } {
    const file = `${this.#folder}-${name}-${usage}`;
    openssl('req', ...EC, '-subj', '/CN=leaf', '-keyout', `${file}.key`, '-out', `${file}.csr`);
    writeFileSync(`${file}.ext`, `subjectAltName=DNS:${name},IP:127.0.0.1\nextendedKeyUsage=${usage}\n`);
    const signing = ['-CA', `${this.#folder}.crt`, '-CAkey', `${this.#folder}.key`, '-CAcreateserial'];
    openssl(
      'x509',
      '-req',
      '-in',
      `${file}.csr`,
      ...signing,
      '-days',
      '1',
      '-extfile',
      `${file}.ext`,
      '-out',
      `${file}.crt`,
    );
    return { key: readFileSync(`${file}.key`, 'utf8'), cert: readFileSync(`${file}.crt`, 'utf8') };
  }
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });

export interface FakeBroker {
  settings: BrokerSettings;
  /** What it answers, from now on. */
  assignment: SandboxAssignment | PooledAssignment;
  /** Requests that came. */
  asked: string[];
  /** Connects as the broker does, or as somebody whom another CA, name or purpose has. */
  dial: (port: number, as?: { caller?: string; name?: string; stranger?: boolean }) => Promise<TLSSocket>;
  /** Where tunnels lead, and what was asked for. */
  tunnels: Tunnels & { rules: TunnelRules };
  close: () => void;
}

export async function fakeBroker(folder: string, assignment: FakeBroker['assignment']): Promise<FakeBroker> {
  const [authority, other] = [new Authority(folder, 'ca'), new Authority(folder, 'other')];
  const server = createServer({ ...authority.issue('localhost', 'serverAuth') });
  const rules: TunnelRules = { token: 'token', hosts: {} };
  const broker: FakeBroker = {
    settings: { url: '', ca: authority.cert, tokenFile: join(folder, 'token') },
    assignment,
    asked: [],
    tunnels: { ...acceptTunnels(server, rules), rules },
    async dial(port, { caller = 'somebody', name = BROKER_NAME, stranger = false } = {}) {
      const pair = (stranger ? other : authority).issue(name, 'clientAuth');
      const socket = connect({
        port,
        host: '127.0.0.1',
        ca: authority.cert,
        servername: COURIER_NAME,
        ...pair,
      });
      socket.setNoDelay(true);
      await once(socket, 'secureConnect');
      socket.write(`${JSON.stringify({ caller })}\n`);
      return socket;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  server.on('request', ({ method, url, headers }, response) => {
    broker.asked.push(`${method} ${url}`);
    if (headers.authorization !== 'Bearer token') response.writeHead(401).end();
    else if (method === 'POST') response.end(JSON.stringify(certificateOf(authority)));
    else response.end(JSON.stringify(broker.assignment));
  });
  writeFileSync(broker.settings.tokenFile, 'token\n');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  broker.settings.url = `https://localhost:${(server.address() as AddressInfo).port}`;
  return broker;
}

const certificateOf = (authority: Authority): CourierCertificate => ({
  ...authority.issue(COURIER_NAME, 'serverAuth'),
  ca: authority.cert,
  brokerName: BROKER_NAME,
  notAfter: new Date(Date.now() + 24 * 3600 * 1000).toISOString(),
});

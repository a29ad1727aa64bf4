/** The API server of a cluster of EKS: a door of HTTPS in front of a real one, which makes of a token of AWS somebody whom that one knows. */
import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { createServer, request as httpsRequest, type RequestOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { issueLeaf } from '../../../src/broker/tls/issue.ts';
import type { KeyPair } from '../../../src/broker/tls/material.ts';
import type { Identity } from './identity.ts';
import { isToken, TokenRefused } from './token.ts';

/** The API server behind, and a client of it that may speak for others. */
export interface Upstream {
  /** `https://host:port`. */
  url: string;
  /** PEM. */
  ca: string;
  cert: string;
  key: string;
}

export interface DoorOptions {
  bind: string;
  authority: KeyPair;
  upstream: Upstream;
  /** Whose token this is; undefined: nobody's who may enter. */
  whoIs: (token: string) => Identity | undefined;
}

export interface Door {
  /** `https://host:port`. */
  endpoint: string;
  /** Every refusal so far, as the log of the authenticator has it. */
  refusals: string[];
  close(): Promise<void>;
}

const UNAUTHORIZED = JSON.stringify({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'Unauthorized',
  reason: 'Unauthorized',
  code: 401,
});

/** Nobody speaks for others through the door: that is how the door speaks itself. */
const isOfDoor = (name: string): boolean => name.startsWith('impersonate-') || name === 'authorization';

const headersFor = (
  headers: IncomingMessage['headers'],
  { username, groups, arn }: Identity,
): OutgoingHttpHeaders => ({
  ...Object.fromEntries(Object.entries(headers).filter(([name]) => !isOfDoor(name))),
  'impersonate-user': username,
  'impersonate-group': groups,
  'impersonate-extra-arn': arn,
});

class Passage {
  readonly refusals: string[] = [];
  readonly #options: DoorOptions;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /** What is asked of the API server; undefined for whoever may not enter. Tokens of the cluster itself are its own business, and so is who has none. */
  onward({ method, url = '/', headers }: IncomingMessage): RequestOptions | undefined {
    const { upstream } = this.#options;
    const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
    const place = new URL(upstream.url);
    const base = { host: place.hostname, port: place.port, method, path: url, ca: upstream.ca };
    if (!isToken(bearer)) return { ...base, headers };
    const identity = this.#whoIs(bearer);
    if (!identity) return undefined;
    return { ...base, cert: upstream.cert, key: upstream.key, headers: headersFor(headers, identity) };
  }

  #whoIs(token: string): Identity | undefined {
    try {
      const identity = this.#options.whoIs(token);
      if (!identity) this.refusals.push('no access entry');
      return identity;
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      this.refusals.push(error.message);
      return undefined;
    }
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const options = this.onward(request);
    if (!options) {
      request.resume();
      response.writeHead(401, { 'content-type': 'application/json' }).end(UNAUTHORIZED);
      return;
    }
    const onward = httpsRequest({ ...options, agent: false });
    response.on('close', () => onward.destroy());
    const answered = once(onward, 'response') as Promise<[IncomingMessage]>;
    const [[said]] = await Promise.all([answered, pipeline(request, onward)]);
    response.writeHead(said.statusCode ?? 502, said.headers);
    // Watches are quiet for long, and are to be seen to have begun.
    response.flushHeaders();
    await pipeline(said, response);
  }

  /** exec, attach, port-forward. */
  upgrade(request: IncomingMessage, client: Duplex, head: Buffer): void {
    const options = this.onward(request);
    if (!options) return void client.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n');
    const onward = httpsRequest({ ...options, agent: false });
    const lines = ({ rawHeaders, httpVersion, statusCode, statusMessage }: IncomingMessage): string => {
      const pairs = rawHeaders.flatMap((name, at) =>
        at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : [],
      );
      return [`HTTP/${httpVersion} ${statusCode} ${statusMessage}`, ...pairs, '', ''].join('\r\n');
    };
    onward.on('upgrade', (said, server, first) => {
      client.write(lines(said));
      client.write(first);
      server.write(head);
      pipeline(client, server, client).catch(() => {});
    });
    onward.on('response', (said) => {
      client.write(lines(said));
      said.pipe(client);
    });
    onward.on('error', () => client.destroy());
    client.on('error', () => onward.destroy());
    onward.end();
  }
}

export async function openDoor(options: DoorOptions): Promise<Door> {
  const { bind, authority } = options;
  const leaf = await issueLeaf({ authority, names: [bind, 'localhost'], now: new Date() });
  const passage = new Passage(options);
  const server = createServer({ key: leaf.key, cert: leaf.cert }, (request, response) => {
    passage.answer(request, response).catch(() => response.destroy());
  });
  server.on('upgrade', (request, client, head) => passage.upgrade(request, client, head));
  await once(server.listen(0, bind), 'listening');
  return {
    endpoint: `https://${bind}:${(server.address() as AddressInfo).port}`,
    refusals: passage.refusals,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Tokens and an API server for tests of the doors. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { issueAuthority, issueLeaf } from '../../../src/broker/tls/issue.ts';
import { signatureOf } from '../codebuild/signature.ts';
import type { Upstream } from './door.ts';

export const KEY = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG' };
export const PLACE = { region: 'us-east-1', account: '123456789012' };

interface Signing {
  cluster: string;
  key?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  at?: Date;
  /** In place of what belongs there. */
  host?: string;
  action?: string;
  signed?: string;
  expires?: string;
}

/** A token as `aws eks get-token` makes it. */
export function tokenFor({ cluster, key = KEY, at = new Date(), ...other }: Signing): string {
  const { host = 'sts.us-east-1.amazonaws.com', signed = 'host;x-k8s-aws-id' } = other;
  const date = at.toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${date.slice(0, 8)}/us-east-1/sts/aws4_request`;
  const { accessKeyId, secretAccessKey, sessionToken } = key as Signing['key'] & object;
  const query = new URLSearchParams({
    Action: other.action ?? 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${accessKeyId}/${scope}`,
    'X-Amz-Date': date,
    'X-Amz-Expires': other.expires ?? '60',
    ...(sessionToken !== undefined && { 'X-Amz-Security-Token': sessionToken }),
    'X-Amz-SignedHeaders': signed,
  });
  const headers = { host, 'x-k8s-aws-id': cluster, 'x-amz-date': date };
  const wire = { method: 'GET', url: `/?${query.toString()}`, headers, body: Buffer.alloc(0) };
  query.set(
    'X-Amz-Signature',
    signatureOf(wire, secretAccessKey, { scope, signedHeaders: signed.split(';') }),
  );
  return `k8s-aws-v1.${Buffer.from(`https://${host}/?${query.toString()}`).toString('base64url')}`;
}

export interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage['headers'];
  /** Whether whoever asked is the admin, by certificate. */
  isAdmin: boolean;
  body: string;
}

/** An API server that answers with what it saw, and to `?watch=true` with two lines of which the second comes when it is told to. */
export async function startUpstream() {
  const authority = await issueAuthority(new Date());
  const leaf = await issueLeaf({ authority, names: ['127.0.0.1'], now: new Date() });
  const next = Promise.withResolvers<void>();
  const server = createServer(
    { key: leaf.key, cert: leaf.cert, ca: authority.cert, requestCert: true, rejectUnauthorized: false },
    (asked, response) => {
      void (async () => {
        if (asked.url?.includes('watch=true')) {
          response.write('first\n');
          await next.promise;
          response.end('second\n');
          return;
        }
        const seen: Seen = {
          method: asked.method,
          url: asked.url,
          headers: asked.headers,
          isAdmin: (asked.socket as TLSSocket).authorized,
          body: await text(asked),
        };
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(seen));
      })();
    },
  );
  server.on('upgrade', (asked: IncomingMessage, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n');
    socket.write(`${String(asked.headers['impersonate-user'])}\n`);
    socket.pipe(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const admin = await issueLeaf({ authority, names: ['admin'], now: new Date() });
  const upstream: Upstream = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: authority.cert,
    cert: admin.cert,
    key: admin.key,
  };
  return {
    upstream,
    /** Lets watches go on. */
    next: () => next.resolve(),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A request through a door. */
export async function ask(
  endpoint: string,
  ca: string,
  {
    path = '/api',
    headers = {},
    method = 'GET',
    body = '',
  }: { path?: string; headers?: Record<string, string>; method?: string; body?: string },
): Promise<IncomingMessage> {
  const asked = request(`${endpoint}${path}`, { ca, headers, method, agent: false });
  asked.end(body);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return response;
}

/**
 * An address of an S3 server whose buckets are the account's: the server calls their owner by another name, and would refuse whoever says whose a bucket
 * must be. So that is checked here, and asked without it, signed anew.
 */
import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { authorization, signatureOf, type SignedRequest } from '../codebuild/signature.ts';
import { ACCOUNT, CREDENTIALS } from './facts.ts';
import type { S3Door } from './s3-door.ts';

const OWNER = 'x-amz-expected-bucket-owner';

/** The same request by the same person, who does not say whose the bucket is. */
function withoutOwner({ body, method, url, headers }: SignedRequest): IncomingHttpHeaders {
  const given = authorization({ body, method, url, headers });
  const signedHeaders = given.signedHeaders.filter((name) => name !== OWNER);
  const { [OWNER]: _, ...rest } = headers;
  const signature = signatureOf({ body, method, url, headers: rest }, CREDENTIALS.secretAccessKey, {
    ...given,
    signedHeaders,
  });
  const who = `Credential=${given.accessKeyId}/${given.scope}`;
  return {
    ...rest,
    authorization: `AWS4-HMAC-SHA256 ${who}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`,
  };
}

async function answer(upstream: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/', headers } = request;
  const owner = headers[OWNER];
  if (owner !== undefined && owner !== ACCOUNT) {
    request.resume();
    response.writeHead(403).end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>');
    return;
  }
  const body = owner === undefined ? undefined : await buffer(request);
  const signed = body === undefined ? headers : withoutOwner({ body, method, url, headers });
  const onward = httpRequest(new URL(url, upstream), { method, headers: signed });
  const answered = once(onward, 'response') as Promise<[IncomingMessage]>;
  const sent = body === undefined ? pipeline(request, onward) : onward.end(body);
  const [[said]] = await Promise.all([answered, sent]);
  response.writeHead(said.statusCode ?? 502, said.headers);
  await pipeline(said, response);
}

export async function openS3Owner(upstream: string): Promise<S3Door> {
  const server = createServer((request, response) => {
    answer(upstream, request, response).catch(() => response.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

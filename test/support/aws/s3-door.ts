/** An address of an S3 server where everybody is held to the policies of one role. The server itself checks signatures; its host name is kept, which they are over. */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { authorize } from './iam/authorize.ts';
import { decide, type Asked } from './iam/evaluate.ts';
import type { Role } from './iam/roles.ts';
import { AwsError } from './wire.ts';

export interface S3Door {
  /** `http://host:port`. */
  url: string;
  close(): Promise<void>;
}

export interface S3DoorOptions {
  /** Address to listen on; default 127.0.0.1. */
  bind?: string;
  /** URL of the server. */
  upstream: string;
  role: Role;
}

const ON_BUCKET: Readonly<Record<string, string>> = {
  'list-type': 's3:ListBucket',
  location: 's3:GetBucketLocation',
  acl: 's3:GetBucketAcl',
};

const ON_OBJECT: Readonly<Record<string, string>> = {
  GET: 's3:GetObject',
  HEAD: 's3:GetObject',
  PUT: 's3:PutObject',
  DELETE: 's3:DeleteObject',
};

interface Place {
  bucket: string;
  /** Empty: the bucket itself. */
  key: string;
  query: URLSearchParams;
}

function placeOf({ url = '/' }: IncomingMessage): Place {
  const { pathname, searchParams: query } = new URL(url, 'http://s3.invalid');
  const [, bucket = '', ...key] = pathname.split('/').map(decodeURIComponent);
  return { bucket, key: key.join('/'), query };
}

/** What a request asks for. Source: Service Authorization Reference for S3; for If-Match, S3 User Guide, “How to prevent object overwrites with conditional writes”. */
function askedBy({ method = 'GET', headers }: IncomingMessage, { bucket, key, query }: Place): Asked[] {
  const bucketArn = `arn:aws:s3:::${bucket}`;
  if (key === '') {
    const action = Object.entries(ON_BUCKET).find(([name]) => query.has(name))?.[1];
    if (action === undefined) throw new Error(`${method} /${bucket}?${query.toString()} has no rule here`);
    return [{ action, resource: bucketArn }];
  }
  const action = ON_OBJECT[method];
  if (action === undefined) throw new Error(`${method} of an object has no rule here`);
  const resource = `${bucketArn}/${key}`;
  const versioned = action === 's3:GetObject' && query.has('versionId');
  return [
    { action: versioned ? 's3:GetObjectVersion' : action, resource },
    ...(headers['if-match'] === undefined ? [] : [{ action: 's3:GetObject', resource }]),
  ];
}

/** Whoever may not list a bucket is not told that an object is missing. */
const hidesMissing = ({ policies }: Role, { bucket, key }: Place): boolean =>
  key !== '' &&
  decide(policies, { action: 's3:ListBucket', resource: `arn:aws:s3:::${bucket}` }) !== 'allowed';

async function answer(
  { upstream, role }: S3DoorOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const place = placeOf(request);
  authorize(role, askedBy(request, place));
  const onward = httpRequest(new URL(request.url ?? '/', upstream), {
    method: request.method ?? 'GET',
    headers: request.headers,
  });
  const answered = once(onward, 'response') as Promise<[IncomingMessage]>;
  await Promise.all([pipeline(request, onward), answered]);
  const [said] = await answered;
  if (said.statusCode === 404 && hidesMissing(role, place)) {
    said.resume();
    throw new AwsError('AccessDenied', 'Access Denied', 403);
  }
  response.writeHead(said.statusCode ?? 502, said.headers);
  await pipeline(said, response);
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const [code, { message }] =
    error instanceof AwsError ? ['AccessDenied', error] : ['InternalError', error as Error];
  response.writeHead(code === 'AccessDenied' ? 403 : 500, { 'content-type': 'application/xml' });
  response.end(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`);
}

export async function openS3Door(options: S3DoorOptions): Promise<S3Door> {
  const { bind = '127.0.0.1' } = options;
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => refuse(response, error));
  });
  await once(server.listen(0, bind), 'listening');
  return {
    url: `http://${bind}:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

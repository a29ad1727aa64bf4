/** Signature Version 4, recomputed with the secret that the service knows. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { AwsError, expiredToken } from './errors.ts';
import type { KnownCredentials } from './service.ts';

export interface SignedRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

interface Authorization {
  accessKeyId: string;
  /** `date/region/service/aws4_request`. */
  scope: string;
  signedHeaders: string[];
  signature: string;
}

/** What a signature is for. */
interface Endpoint {
  region: string;
  service: string;
}

const SKEW_MS = 5 * 60_000;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;

const sha256 = (text: Buffer | string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const header = (request: SignedRequest, name: string): string =>
  [request.headers[name] ?? ''].flat().join(',');

const unrecognized = (): AwsError =>
  new AwsError('UnrecognizedClientException', 'The security token included in the request is invalid.', 403);
const wrongSignature = (why: string): AwsError => new AwsError('InvalidSignatureException', why, 403);

export function authorization(request: SignedRequest): Authorization {
  const given = header(request, 'authorization');
  if (!given) throw new AwsError('MissingAuthenticationTokenException', 'Missing Authentication Token', 403);
  const [, accessKeyId, scope, signedHeaders, signature] = AUTHORIZATION.exec(given) ?? [];
  if (!accessKeyId || !scope || !signedHeaders || !signature) {
    throw new AwsError('IncompleteSignatureException', `Authorization header is not complete: ${given}`, 403);
  }
  return { accessKeyId, scope, signedHeaders: signedHeaders.split(';'), signature };
}

function canonicalQuery(query: string): string {
  const encode = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return [...new URLSearchParams(query)]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
}

/** Services other than S3 encode every part of the path once more. */
const canonicalPath = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

function canonicalRequest(request: SignedRequest, signedHeaders: string[]): string {
  const [path = '/', query = ''] = request.url.split('?');
  const headers = signedHeaders.map(
    (name) => `${name}:${header(request, name).trim().replace(/\s+/g, ' ')}\n`,
  );
  const parts = [request.method, canonicalPath(path), canonicalQuery(query), headers.join('')];
  return [...parts, signedHeaders.join(';'), sha256(request.body)].join('\n');
}

/** The signature that a holder of `secret` gives to this request. */
export function signatureOf(
  request: SignedRequest,
  secret: string,
  { scope, signedHeaders }: Pick<Authorization, 'scope' | 'signedHeaders'>,
): string {
  const toSign = ['AWS4-HMAC-SHA256', header(request, 'x-amz-date'), scope];
  const text = [...toSign, sha256(canonicalRequest(request, signedHeaders))].join('\n');
  const key = scope.split('/').reduce<Buffer | string>((k, part) => hmac(k, part), `AWS4${secret}`);
  return hmac(key, text).toString('hex');
}

function checkDate(date: string, now: number): void {
  const [, y, m, d, h, min, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const signed = Date.parse(`${y}-${m}-${d}T${h}:${min}:${s}Z`);
  if (Number.isNaN(signed)) {
    throw new AwsError(
      'IncompleteSignatureException',
      `Date must be in ISO-8601 'basic format'. Got '${date}'.`,
      403,
    );
  }
  if (signed < now - SKEW_MS)
    throw wrongSignature(`Signature expired: ${date} is now earlier than 5 min. ago`);
  if (signed > now + SKEW_MS)
    throw wrongSignature(`Signature not yet current: ${date} is still later than 5 min. from now`);
}

function checkScope(scope: string, date: string, { region, service }: Endpoint): void {
  const [day, ...place] = scope.split('/');
  if (day !== date.slice(0, 8))
    throw wrongSignature(
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP',
    );
  if (place.join('/') !== `${region}/${service}/aws4_request`) {
    throw wrongSignature(
      `Credential should be scoped to a valid region and to service '${service}'; got '${scope}'.`,
    );
  }
}

function checkSignedHeaders({ signedHeaders }: Authorization, request: SignedRequest): void {
  const needed = ['host', ...Object.keys(request.headers).filter((name) => name.startsWith('x-amz-'))];
  const missing = needed.filter((name) => !signedHeaders.includes(name));
  if (missing.length > 0) throw wrongSignature(`'${missing.join("', '")}' must be a signed header`);
}

/** Who sent this request. Throws the `AwsError` that AWS answers to a request that is not signed, or not signed well. */
export function authenticate(
  request: SignedRequest,
  {
    region,
    service = 'codebuild',
    known,
    now,
  }: { region: string; service?: string; known: KnownCredentials[]; now: number },
): KnownCredentials {
  const given = authorization(request);
  const date = header(request, 'x-amz-date');
  checkDate(date, now);
  checkScope(given.scope, date, { region, service });
  checkSignedHeaders(given, request);
  const caller = known.find(({ accessKeyId }) => accessKeyId === given.accessKeyId);
  if (!caller) throw unrecognized();
  const expected = signatureOf(request, caller.secretAccessKey, given);
  if (!timingSafeEqual(Buffer.from(expected), Buffer.from(given.signature))) {
    throw wrongSignature(
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    );
  }
  if (header(request, 'x-amz-security-token') !== (caller.sessionToken ?? '')) throw unrecognized();
  if (caller.expiration !== undefined && caller.expiration <= now) throw expiredToken();
  return caller;
}

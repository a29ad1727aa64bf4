/** Who sent a bearer token of EKS: a request to STS that the client has signed and the server sends. Source of each rule: aws-iam-authenticator, pkg/token/token.go. */
import { timingSafeEqual } from 'node:crypto';
import type { KnownCredentials } from '../codebuild/service.ts';
import { signatureOf } from '../codebuild/signature.ts';

const PREFIX = 'k8s-aws-v1.';
const LONGEST = 4096;
const VALID_MS = 15 * 60_000;
const SKEW_MS = 5 * 60_000;
const PARAMETERS = [
  'action',
  'version',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
];

export interface TokenRules {
  clusterName: string;
  region: string;
  known: readonly KnownCredentials[];
  /** Epoch milliseconds. */
  now: number;
}

/** Why a token is none; the API server says Unauthorized to all of them, and its log says why. */
export class TokenRefused extends Error {}

export const isToken = (bearer: string): boolean => bearer.startsWith(PREFIX);

function urlIn(token: string): URL {
  if (token.length > LONGEST) throw new TokenRefused('token is too large');
  const text = Buffer.from(token.slice(PREFIX.length), 'base64url').toString();
  if (!URL.canParse(text)) throw new TokenRefused('token holds no URL');
  return new URL(text);
}

/** Of the partition, region or not. */
const isSts = (host: string, region: string): boolean =>
  [`sts.${region}.amazonaws.com`, 'sts.amazonaws.com'].includes(host);

function parametersIn({ searchParams }: URL): Record<string, string> {
  const names = [...searchParams.keys()].map((name) => name.toLowerCase());
  const other = names.find((name, at) => !PARAMETERS.includes(name) || names.indexOf(name) !== at);
  if (other !== undefined) throw new TokenRefused(`non-whitelisted or repeated query parameter ${other}`);
  return Object.fromEntries([...searchParams].map(([name, value]) => [name.toLowerCase(), value]));
}

function checkTime(date: string, expires: string, now: number): void {
  const [, y, m, d, h, min, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const signed = Date.parse(`${y}-${m}-${d}T${h}:${min}:${s}Z`);
  if (Number.isNaN(signed)) throw new TokenRefused('error parsing X-Amz-Date parameter');
  if (!(Number(expires) >= 0 && Number(expires) <= VALID_MS / 1000))
    throw new TokenRefused('invalid X-Amz-Expires parameter in pre-signed URL');
  if (now > signed + VALID_MS)
    throw new TokenRefused('X-Amz-Date parameter is expired (15 minute expiration)');
  if (signed > now + SKEW_MS) throw new TokenRefused('Signature not yet current');
}

function checkWhat(url: URL, given: Record<string, string>, { region }: TokenRules): void {
  if (url.protocol !== 'https:') throw new TokenRefused(`unexpected scheme ${url.protocol}`);
  if (!isSts(url.host, region)) throw new TokenRefused(`unexpected hostname ${url.host} in pre-signed URL`);
  if (url.pathname !== '/') throw new TokenRefused('unexpected path in pre-signed URL');
  if (given['action'] !== 'GetCallerIdentity')
    throw new TokenRefused('unexpected action parameter in pre-signed URL');
}

const refusedByAws = (code: string): TokenRefused =>
  new TokenRefused(`error from AWS (expected 200, got 403): ${code}`);

/** The caller. Throws `TokenRefused` for a token that is not right, not right for this cluster, or not any more. */
export function callerOfToken(token: string, rules: TokenRules): KnownCredentials {
  const url = urlIn(token);
  const given = parametersIn(url);
  checkWhat(url, given, rules);
  const {
    'x-amz-signedheaders': names = '',
    'x-amz-date': date = '',
    'x-amz-expires': expires = '',
    'x-amz-credential': credential = '',
  } = given;
  const signedHeaders = names.split(';');
  if (!signedHeaders.includes('x-k8s-aws-id') || !signedHeaders.includes('host'))
    throw new TokenRefused('client did not sign the x-k8s-aws-id header in the request');
  checkTime(date, expires, rules.now);
  const [accessKeyId, ...scope] = credential.split('/');
  const caller = rules.known.find((one) => one.accessKeyId === accessKeyId);
  if (!caller) throw refusedByAws('InvalidClientTokenId');
  const { clusterName } = rules;
  checkSignature(url, caller, { scope: scope.join('/'), signedHeaders, date, clusterName });
  checkSession(caller, given['x-amz-security-token'], rules);
  return caller;
}

function checkSession(
  { sessionToken, expiration = Infinity }: KnownCredentials,
  given: string | undefined,
  { now }: TokenRules,
): void {
  if (given !== sessionToken) throw refusedByAws('InvalidClientTokenId');
  if (expiration <= now) throw refusedByAws('ExpiredToken');
}

/** As STS does it. The server sends the name of its own cluster, so that a token for another one has another signature. */
function checkSignature(
  url: URL,
  { secretAccessKey }: KnownCredentials,
  {
    scope,
    signedHeaders,
    date,
    clusterName,
  }: { scope: string; signedHeaders: string[]; date: string; clusterName: string },
): void {
  const { searchParams } = new URL(url);
  const signature = searchParams.get('X-Amz-Signature') ?? '';
  searchParams.delete('X-Amz-Signature');
  const request = {
    method: 'GET',
    url: `/?${searchParams.toString()}`,
    headers: { host: url.host, 'x-k8s-aws-id': clusterName, 'x-amz-date': date },
    body: Buffer.alloc(0),
  };
  const expected = signatureOf(request, secretAccessKey, { scope, signedHeaders });
  const isSame =
    signature.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
  if (!isSame || !/^\d{8}\/[a-z0-9-]+\/sts\/aws4_request$/.test(scope))
    throw refusedByAws('SignatureDoesNotMatch');
}

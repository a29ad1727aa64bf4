/** Tokens for API servers of EKS: a request to STS that says who its sender is, signed in advance. The server sends it, and so learns who we are; it holds no right to anything else. */
import { createHash, createHmac } from 'node:crypto';
import { partitionOf, REGION } from './partition.ts';

/** As the AWS SDK gives them. */
export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

export interface EksCluster {
  /** Name of the cluster. */
  cluster: string;
  region: string;
}

export interface EksToken {
  token: string;
  /** The API server refuses it from then on. */
  expires: Date;
}

/** EKS takes a token for 15 minutes, whatever the request says of itself; clocks differ. */
const VALID_MS = 14 * 60_000;
const CLUSTER = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;
const ALGORITHM = 'AWS4-HMAC-SHA256';
const SIGNED_HEADERS = 'host;x-k8s-aws-id';

/** The bytes that `aws eks get-token` makes. `now`: of the clock, since the signature holds for this moment on. */
export function eksToken({ cluster, region }: EksCluster, credentials: AwsCredentials, now: Date): EksToken {
  if (!CLUSTER.test(cluster)) throw new Error(`cluster: ${JSON.stringify(cluster)} is no name of a cluster`);
  if (!REGION.test(region)) throw new Error(`region: ${JSON.stringify(region)} is no region of AWS`);
  const url = presigned({ cluster, region }, credentials, stamp(now));
  const latest = credentials.expiration?.getTime() ?? Infinity;
  return {
    token: `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`,
    expires: new Date(Math.min(wholeSeconds(now) + VALID_MS, latest)),
  };
}

const wholeSeconds = (now: Date): number => Math.floor(now.getTime() / 1000) * 1000;

/** `20261129T220000Z`. */
const stamp = (now: Date): string => now.toISOString().replace(/[-:]|\.\d+/g, '');

function presigned({ cluster, region }: EksCluster, credentials: AwsCredentials, time: string): string {
  const host = `sts.${region}.${partitionOf(region).services}`;
  const scope = `${time.slice(0, 8)}/${region}/sts/aws4_request`;
  const { accessKeyId, sessionToken } = credentials;
  // Sorted by name, as the signature wants them.
  const query = [
    ['Action', 'GetCallerIdentity'],
    ['Version', '2011-06-15'],
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', `${accessKeyId}/${scope}`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', '60'],
    ...(sessionToken === undefined ? [] : [['X-Amz-Security-Token', sessionToken]]),
    ['X-Amz-SignedHeaders', SIGNED_HEADERS],
  ];
  const canonicalQuery = joined(query.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)));
  const request = ['GET', '/', canonicalQuery, `host:${host}`, `x-k8s-aws-id:${cluster}`, '', SIGNED_HEADERS];
  const signed = [ALGORITHM, time, scope, sha256([...request, sha256('')].join('\n'))].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${credentials.secretAccessKey}`);
  const signature = hmac(key, signed).toString('hex');
  return `https://${host}/?${joined([...inUrl(query), ['X-Amz-Signature', signature]])}`;
}

/** The order of the AWS CLI, which only matters where bytes are compared: the token of a session comes after what is always there. */
const inUrl = (query: string[][]): string[][] => {
  const late = (name = ''): boolean => name === 'X-Amz-Security-Token';
  return [...query.filter(([name]) => !late(name)), ...query.filter(([name]) => late(name))];
};

const joined = (query: readonly string[][]): string =>
  query.map(([name, value = '']) => `${name}=${encoded(value)}`).join('&');

/** RFC 3986: the four that `encodeURIComponent` leaves are encoded, too. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

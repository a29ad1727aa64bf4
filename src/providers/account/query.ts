/** AWS's query protocol, for the few calls of services whose SDK clients weigh more than `sb` itself (EC2's: 1.1 MB in the bundle). */
import { parseXML } from '@aws-sdk/xml-builder';
import { HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import { createHash, createHmac } from 'node:crypto';
import { awsError, OF_A_PERSON } from '../aws/errors.ts';
import { partitionOf } from '../aws/partition.ts';
import { ProviderError, type ProviderReason } from '../errors.ts';
import type { AwsCredentials } from './port.ts';

export interface QueryPlace {
  region: string;
  credentials: () => Promise<AwsCredentials>;
  /** For `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, as the SDK has them. */
  env: Readonly<Record<string, string | undefined>>;
}

const VERSIONS = { ec2: '2016-11-15', iam: '2010-05-08', sts: '2011-06-15' } as const;
type Service = keyof typeof VERSIONS;

const TIMEOUT_MS = 30_000;
const MOST_BYTES = 4 * 1024 * 1024;

const REASONS: Record<string, ProviderReason> = {
  ...OF_A_PERSON,
  UnauthorizedOperation: 'AccessDenied',
  'InvalidVpcID.NotFound': 'NotFound',
  NoSuchEntity: 'NotFound',
};

/** Elements by name; one that is there several times is an array. */
export type Xml = string | { [name: string]: Xml } | Xml[] | undefined;

/** Of IAM there is one in each partition. Source: AWS General Reference, endpoints of IAM. */
const IAM: Readonly<Record<string, readonly [host: string, region: string]>> = {
  aws: ['iam.amazonaws.com', 'us-east-1'],
  'aws-cn': ['iam.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
  'aws-us-gov': ['iam.us-gov.amazonaws.com', 'us-gov-west-1'],
  'aws-eusc': ['iam.eusc-de-east-1.amazonaws.eu', 'eusc-de-east-1'],
};

function placeOf(service: Service, { region, env }: QueryPlace): { url: string; region: string } {
  const { name, services } = partitionOf(region);
  const [iamHost, iamRegion] = IAM[name] ?? ['', ''];
  const host = service === 'iam' ? iamHost : `${service}.${region}.${services}`;
  const url =
    env[`AWS_ENDPOINT_URL_${service.toUpperCase()}`] || env['AWS_ENDPOINT_URL'] || `https://${host}`;
  return { url, region: service === 'iam' ? iamRegion : region };
}

/** SHA-256, and HMAC with it, as the signer wants them. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }
  update(chunk: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(chunk));
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
  reset(): void {}
}

const bytesOf = (source: string | ArrayBuffer | ArrayBufferView): Uint8Array =>
  typeof source === 'string'
    ? Buffer.from(source)
    : ArrayBuffer.isView(source)
      ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
      : new Uint8Array(source);

/** The answer's root element. Throws `ProviderError`, with the missing permission where it was refused. */
export async function query(
  place: QueryPlace,
  [service, action]: readonly [Service, string],
  parameters: Readonly<Record<string, string>> = {},
): Promise<Xml> {
  const call = `${service} ${action}`;
  const body = new URLSearchParams({ Action: action, Version: VERSIONS[service], ...parameters }).toString();
  try {
    const answer = await send(await signed(place, service, body));
    const text = await boundedText(answer, call);
    const xml = Object.values(parseXML(text) as Record<string, Xml>)[0];
    if (answer.ok) return xml;
    throw sdkError(xml, answer.status);
  } catch (error) {
    throw awsError({ call, needs: `${service}:${action}`, reasons: REASONS }, error);
  }
}

async function signed(place: QueryPlace, service: Service, body: string): Promise<HttpRequest> {
  const { url, region } = placeOf(service, place);
  const { hostname, port, protocol, pathname } = new URL(url);
  const request = new HttpRequest({
    method: 'POST',
    protocol,
    hostname,
    ...(port !== '' && { port: Number(port) }),
    path: pathname,
    headers: {
      host: port === '' ? hostname : `${hostname}:${port}`,
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    },
    body,
  });
  const signer = new SignatureV4({ service, region, credentials: place.credentials, sha256: Sha256 });
  return (await signer.sign(request)) as HttpRequest;
}

function send({ protocol, headers, path, body }: HttpRequest): Promise<Response> {
  const { host, ...others } = headers;
  return fetch(`${protocol}//${host}${path}`, {
    method: 'POST',
    headers: others,
    body: body as string,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

async function boundedText(answer: Response, call: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    if (size > MOST_BYTES) throw new ProviderError('TooLarge', `${call}: the answer is larger than 4 MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** An error as the SDK's clients throw them. EC2 says `<Response><Errors><Error>`, the others `<ErrorResponse><Error>`. */
function sdkError(xml: Xml, httpStatusCode: number): Error {
  const error = at(xml, 'Error') ?? at(xml, 'Errors', 'Error');
  return Object.assign(new Error(textAt(error, 'Message')), {
    name: textAt(error, 'Code') || 'Unknown',
    $metadata: { httpStatusCode },
  });
}

/** The element at a path; undefined where there is none. */
export const at = (xml: Xml, ...path: readonly string[]): Xml =>
  path.reduce<Xml>(
    (found, name) =>
      typeof found === 'object' && !Array.isArray(found) && Object.hasOwn(found, name)
        ? found[name]
        : undefined,
    xml,
  );

export const textAt = (xml: Xml, ...path: readonly string[]): string => {
  const found = at(xml, ...path);
  return typeof found === 'string' ? found : '';
};

/** The elements of a list, of which one alone is no array. */
export const listAt = (xml: Xml, ...path: readonly string[]): Xml[] => {
  const found = at(xml, ...path);
  return found === undefined || found === '' ? [] : Array.isArray(found) ? found : [found];
};

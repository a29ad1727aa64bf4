/** A request to a service of AWS that is signed here, for the few calls whose SDK clients weigh more than they are worth. Bounded and timed. */
import { HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import { partitionOf } from '../aws/partition.ts';
import { Sha256 } from '../aws/sha256.ts';
import { ProviderError } from '../errors.ts';
import type { AwsCredentials } from './port.ts';

export interface SignedPlace {
  region: string;
  credentials: () => Promise<AwsCredentials>;
  /** For `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, as the SDK has them. */
  env: Readonly<Record<string, string | undefined>>;
}

/** A service, by the beginning of its host, which is also what is signed for; with the SDK's word in variables. */
const SERVICES = {
  ce: 'COST_EXPLORER',
  codebuild: 'CODEBUILD',
  ec2: 'EC2',
  iam: 'IAM',
  logs: 'CLOUDWATCH_LOGS',
  servicequotas: 'SERVICE_QUOTAS',
  sts: 'STS',
} as const;
export type SignedService = keyof typeof SERVICES;

export interface Answer {
  ok: boolean;
  status: number;
  text: string;
}

const TIMEOUT_MS = 30_000;
const MOST_BYTES = 4 * 1024 * 1024;

/** By partition. */
type OnePlace = Readonly<Record<string, readonly [host: string, region: string]>>;

/** Services of which there is one in each partition. Source: AWS General Reference, endpoints of IAM; the rules of the SDK's client for Cost Explorer. */
const ONE_EACH: Readonly<Partial<Record<SignedService, OnePlace>>> = {
  ce: {
    aws: ['ce.us-east-1.amazonaws.com', 'us-east-1'],
    'aws-cn': ['ce.cn-northwest-1.amazonaws.com.cn', 'cn-northwest-1'],
    'aws-us-gov': ['ce.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    'aws-eusc': ['ce.eusc-de-east-1.api.amazonwebservices.eu', 'eusc-de-east-1'],
  },
  iam: {
    aws: ['iam.amazonaws.com', 'us-east-1'],
    'aws-cn': ['iam.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    'aws-us-gov': ['iam.us-gov.amazonaws.com', 'us-gov-west-1'],
    'aws-eusc': ['iam.eusc-de-east-1.amazonaws.eu', 'eusc-de-east-1'],
  },
};

function placeOf(service: SignedService, { region, env }: SignedPlace): { url: string; region: string } {
  const { name, services } = partitionOf(region);
  const [host, ofHost] = ONE_EACH[service]?.[name] ?? [`${service}.${region}.${services}`, region];
  const url = env[`AWS_ENDPOINT_URL_${SERVICES[service]}`] || env['AWS_ENDPOINT_URL'] || `https://${host}`;
  return { url, region: ofHost };
}

/** Posts a body and reads the answer, whatever its status. `call`: for messages. */
export async function post(
  place: SignedPlace,
  { service, call }: { service: SignedService; call: string },
  { headers, body }: { headers: Record<string, string>; body: string },
): Promise<Answer> {
  const answer = await send(await signed(place, service, { headers, body }));
  return { ok: answer.ok, status: answer.status, text: await boundedText(answer, call) };
}

async function signed(
  place: SignedPlace,
  service: SignedService,
  { headers, body }: { headers: Record<string, string>; body: string },
): Promise<HttpRequest> {
  const { url, region } = placeOf(service, place);
  const { hostname, port, protocol, pathname } = new URL(url);
  const request = new HttpRequest({
    method: 'POST',
    protocol,
    hostname,
    ...(port !== '' && { port: Number(port) }),
    path: pathname,
    headers: { host: port === '' ? hostname : `${hostname}:${port}`, ...headers },
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

/** AWS JSON 1.1 as it is spoken on the wire, without an SDK. */
import { AwsError } from '../codebuild/errors.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { CREDENTIALS, REGION } from './facts.ts';

/** Prefix of `X-Amz-Target` by the service's name in IAM actions. */
export const TARGETS = {
  ce: 'AWSInsightsIndexService',
  codebuild: 'CodeBuild_20161006',
  ecr: 'AmazonEC2ContainerRegistry_V20150921',
  'ecr-public': 'SpencerFrontendService',
  logs: 'Logs_20140328',
  secretsmanager: 'secretsmanager',
  servicequotas: 'ServiceQuotasV20190624',
  tag: 'ResourceGroupsTaggingAPI_20170126',
} as const;

export type Service = keyof typeof TARGETS;

export { AwsError };

const JSON_TYPE = 'application/x-amz-json-1.1';
const scope = (service: Service): string => {
  const date = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  return `Credential=${CREDENTIALS.accessKeyId}/${date}/${REGION}/${service === 'tag' ? 'tagging' : service}/aws4_request`;
};

/** Calls an operation of a service that checks no signatures; throws `AwsError` for a refusal. */
export async function callAws<T = Record<string, unknown>>(
  url: string,
  [service, operation]: [Service, string],
  body: object,
): Promise<T> {
  const answer = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: {
      'content-type': JSON_TYPE,
      'x-amz-target': `${TARGETS[service]}.${operation}`,
      authorization: `AWS4-HMAC-SHA256 ${scope(service)}, SignedHeaders=host, Signature=unchecked`,
    },
  });
  const text = await answer.text();
  if (answer.ok) return (text === '' ? {} : JSON.parse(text)) as T;
  const { __type = 'InternalFailure', message = text } = parsed(text) as {
    __type?: string;
    message?: string;
  };
  throw new AwsError(__type.replace(/^.*#/, ''), message, answer.status);
}

/** JSON, undefined where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const bodyOf = (request: IncomingMessage): Promise<Buffer> => buffer(request);

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': JSON_TYPE }).end(JSON.stringify(body));
}

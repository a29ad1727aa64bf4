/** AWS JSON 1.1 over HTTP: a request's operation and body out, answers and errors in. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { AwsError } from './errors.ts';
import { OPERATIONS, type Operation } from './operation.ts';
import type { SignedRequest } from './signature.ts';

const TARGET = 'CodeBuild_20161006.';

export interface WireRequest extends SignedRequest {
  /** As the client named it, known or not. */
  target: string;
  /** Undefined where the body is no JSON. */
  json: unknown;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString() || '{}');
  } catch {
    return undefined;
  }
}

export async function readRequest(request: IncomingMessage): Promise<WireRequest> {
  const { method = '', url = '', headers } = request;
  const body = await buffer(request);
  const target = String(headers['x-amz-target'] ?? '');
  return { method, url, headers, body, json: parsed(body), target: target.replace(TARGET, '') };
}

/** Throws the error that AWS gives for an operation that it does not know, or this service does not. */
export function operationOf({ method, target, headers, json }: WireRequest): Operation {
  const operation = OPERATIONS.find((name) => name === target);
  const isJson = String(headers['content-type']).startsWith('application/x-amz-json-1.1');
  if (!operation || method !== 'POST' || !isJson) throw new AwsError('UnknownOperationException', '', 404);
  if (json === undefined) throw new AwsError('SerializationException', 'the body is not JSON');
  return operation;
}

export function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
  });
  response.end(JSON.stringify(body));
}

export const answerError = (response: ServerResponse, { code, message, status }: AwsError): void =>
  answer(response, status, { __type: code, message });

/** What the broker answers before there is a connection, told from what others on the way say. */
import type { IncomingMessage } from 'node:http';
import { isRecord, parsedJson } from '../../../text/json.ts';
import type { SandboxRefusal } from '../../../wire/sandbox/session.ts';

export interface Answer {
  status: number;
  body: string;
}

const BODY_MAX = 64 * 1024;

/** Reads it to its end, or as much as may be. */
export async function answerOf(response: IncomingMessage): Promise<Answer> {
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) {
    body += chunk as string;
    if (body.length > BODY_MAX) break;
  }
  return { status: response.statusCode ?? 0, body };
}

/** An answer of 400 or more. */
export class BrokerSaid extends Error {
  override readonly name = 'BrokerSaid';
  readonly status: number;
  /** Missing where it is not the broker’s: a load balancer, or the API server. */
  readonly refusal: SandboxRefusal | undefined;

  constructor({ status, body }: Answer) {
    const parsed = parsedJson(body);
    const refusal = isRefusal(parsed) ? parsed : undefined;
    super(refusal?.error ?? `${status}${messageIn(parsed)}`);
    this.status = status;
    this.refusal = refusal;
  }
}

const isRefusal = (value: unknown): value is SandboxRefusal =>
  isRecord(value) && typeof value['error'] === 'string' && typeof value['reason'] === 'string';

/** The API server's own words. */
const messageIn = (value: unknown): string =>
  isRecord(value) && typeof value['message'] === 'string' ? `: ${value['message'].slice(0, 300)}` : '';

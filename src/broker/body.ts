import type { IncomingMessage } from 'node:http';
import { refused } from './refusal.ts';
import type { Refused } from './refusal.ts';

/** Bytes of a request's body; 500 files with paths of full length take about 600 KiB. */
export const BODY_MAX_BYTES = 1024 ** 2;

const tooLarge = (max: number): Refused => refused(413, 'TooLarge', `the body is larger than ${max} bytes`);

/** The request's body as parsed JSON. Rejects where the client went away. */
export async function readJson(
  request: IncomingMessage,
  max = BODY_MAX_BYTES,
): Promise<{ json: unknown } | Refused> {
  if (Number(request.headers['content-length'] ?? 0) > max) return tooLarge(max);
  const parts: Buffer[] = [];
  let size = 0;
  // Destroying the request would destroy the connection, and with it the answer.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > max) return tooLarge(max);
    parts.push(part);
  }
  try {
    return { json: JSON.parse(Buffer.concat(parts, size).toString()) };
  } catch {
    return refused(400, 'BadRequest', 'the body is not JSON');
  }
}

/** How a refusal looks on the wire: as an answer of Node's HTTP server, and on a connection that it has given up. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Refused } from './refusal.ts';

/** So long may whoever was refused take to read why. */
const LINGER_MS = 1000;

export const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';

/** Sends an answer and ends the connection, whether or not the other side does. What still comes of it is not kept. */
export function endWith(socket: Socket, answer?: string): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  if (answer === undefined) socket.end();
  else socket.end(answer);
}

/** Seconds after which it may be otherwise. */
const isPassing = ({ status, reason }: Refused): boolean => status === 503 || reason === 'NotReady';

/** Body and header lines of a refusal. */
export function answerTo(refusal: Refused): { body: string; headers: Record<string, string | number> } {
  const body = JSON.stringify({ error: refusal.message, ...refusal.also });
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...(refusal.status === 401 && { 'www-authenticate': 'Bearer' }),
      ...(isPassing(refusal) && { 'retry-after': '1' }),
    },
  };
}

/** The end of a connection with `{ "error": message }`. */
export function refusalText(refusal: Refused): string {
  const { body, headers } = answerTo(refusal);
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const status = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`;
  return [status, ...lines, '', body].join('\r\n');
}

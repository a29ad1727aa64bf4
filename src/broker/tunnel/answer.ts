/** Answers on a connection that Node's HTTP server has given up, and its end. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

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

/** The end of a connection with `{ "error": message }`. */
export function refusal(status: number, message: string): string {
  const body = JSON.stringify({ error: message });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    ...(status === 401 ? ['www-authenticate: Bearer'] : []),
    ...(status === 503 ? ['retry-after: 1'] : []),
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

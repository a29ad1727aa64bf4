/** A thread of its own for either end of a stream, so that neither takes the broker's time: what serves bytes, and what fetches them. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

/** `down`: the server pours; `up`: it swallows, and ends when the client has. */
export type Way = 'down' | 'up';

export interface Server {
  role: 'server';
  way: Way;
  bytes: number;
}

export interface Run {
  way: Way;
  bytes: number;
  /** Of the server. */
  port: number;
  /** Missing: straight to the server. */
  tunnel?: { port: number; ca: string; token: string };
}

async function pour(socket: Socket, bytes: number): Promise<void> {
  const part = Buffer.alloc(64 * 1024);
  for (let left = bytes; left > 0; left -= part.length)
    if (!socket.write(part.subarray(0, Math.min(left, part.length)))) await once(socket, 'drain');
  socket.end();
}

async function swallow(socket: Socket): Promise<number> {
  let bytes = 0;
  socket.on('data', (part: Buffer) => (bytes += part.length));
  await once(socket, 'end');
  return bytes;
}

async function serve({ way, bytes }: Server): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void (way === 'down' ? pour(socket, bytes) : swallow(socket).then(() => socket.end()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function opened({ port, tunnel }: Run): Promise<Socket> {
  const beneath = connect({ port: tunnel?.port ?? port, host: '127.0.0.1', allowHalfOpen: true });
  if (!tunnel) return beneath;
  const socket = connectTls({ socket: beneath, servername: 'localhost', ca: tunnel.ca });
  socket.write(
    `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tunnel.token}\r\nsb-purpose: phase\r\nsb-phase: agent\r\nsb-step: 0\r\n\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  const end = head.indexOf('\r\n\r\n');
  if (!head.toString('latin1').startsWith('HTTP/1.1 200 ') || end < 0) throw new Error(head.toString());
  socket.pause();
  socket.unshift(head.subarray(end + 4));
  return socket;
}

/** Resolves milliseconds from the connection to the last byte. */
async function run(wanted: Run): Promise<number> {
  const socket = await opened(wanted);
  const began = performance.now();
  if (wanted.way === 'up') await Promise.all([pour(socket, wanted.bytes), swallow(socket)]);
  else {
    const read = swallow(socket);
    socket.resume();
    const bytes = await read;
    if (bytes !== wanted.bytes) throw new Error(`${bytes} bytes came of ${wanted.bytes}`);
    socket.end();
  }
  return performance.now() - began;
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
const answer = (value: number): void => parentPort?.postMessage(value);

if (!isMainThread) {
  const given = workerData as Server | { role: 'client' };
  if (given.role === 'server') answer(await serve(given));
  else parentPort?.on('message', (wanted: Run) => void run(wanted).then(answer));
}

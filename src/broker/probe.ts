/** The port that no NetworkPolicy of Trials opens: a courier that gets through to it knows that its Pod's policy is not in force. */
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface ProbeOptions {
  /** 0 takes a free one. */
  port: number;
  /** Default: all addresses. */
  host?: string;
}

export interface Probe {
  /** The port it listens on. */
  port: number;
  close(): Promise<void>;
}

/** Whoever connected knows all there is to know. */
const OPEN_MS = 1000;
/** The node's kernel answers for those that come when all of these are open. */
const CONNECTIONS_MAX = 512;

/** Accepts, sends nothing, and closes after a second. Resolves once it listens. */
export async function startProbe({ port, host }: ProbeOptions): Promise<Probe> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    const timer = setTimeout(() => socket.destroy(), OPEN_MS);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(timer);
      open.delete(socket);
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

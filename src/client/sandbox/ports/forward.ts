/** A port of this machine that leads to one of a Sandbox's own localhost. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SandboxError } from '../errors.ts';
import type { FilesPlace } from '../files/files.ts';
import { connectTo } from './connect.ts';

/** As many as a Sandbox takes. */
const CONNECTIONS_MAX = 128;
/** Nobody else on the network is let in. */
const HOST = '127.0.0.1';

export interface ForwardOptions {
  /** Of this machine. Default: one that is free. */
  localPort?: number;
  /** Whose the socket is in there. Default: as for commands. */
  user?: string;
  /** Told why a single connection was cut or did not come about; others go on. */
  onError?: (error: Error) => void;
}

export interface Forwarding extends AsyncDisposable {
  /** Of this machine, on 127.0.0.1. */
  port: number;
  /** Resolves when it was closed. Rejects with a SandboxError where contact with the Sandbox is lost for good; then nobody listens any more. */
  closed: Promise<void>;
  /** Takes no further connection, and cuts those that are open. */
  close(): Promise<void>;
}

/** Rejects with the error of the system where the port is taken. */
export async function forward(
  place: FilesPlace,
  port: number,
  { localPort = 0, onError, ...as }: ForwardOptions = {},
): Promise<Forwarding> {
  const connect = (): Promise<Duplex> => connectTo(place, port, as);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // What is cut because this was closed is told as that.
    join(socket, connect).catch((error: unknown) => server.listening && onError?.(error as Error));
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(localPort, HOST);
  await once(server, 'listening');
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => {});
  void place.connection.over.then(async (error) => {
    await stop(server, sockets);
    ended.reject(error);
  });
  const close = async (): Promise<void> => {
    await stop(server, sockets);
    ended.resolve();
  };
  return {
    port: (server.address() as AddressInfo).port,
    closed: ended.promise,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function stop(server: Server, sockets: Iterable<Socket>): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  for (const socket of sockets) socket.resetAndDestroy();
  await closed;
}

/** Both ends as one: halves end apart, and where one end is cut, so is the other. Rejects with why it was. */
async function join(socket: Socket, connect: () => Promise<Duplex>): Promise<void> {
  socket.on('error', () => {});
  const remote = await connect().catch((error: unknown) => {
    socket.resetAndDestroy();
    throw error;
  });
  if (socket.destroyed) return void remote.destroy();
  const over = Promise.withResolvers<void>();
  remote.once('error', (error) => {
    socket.resetAndDestroy();
    if (error instanceof SandboxError) over.reject(error);
  });
  socket.once('close', () => {
    if (!socket.readableEnded || !socket.writableFinished) remote.destroy();
    over.resolve();
  });
  socket.pipe(remote).pipe(socket);
  await over.promise;
}

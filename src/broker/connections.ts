/**
 * Bounds the connections of a server. Couriers need one for moments; connections that are open and ask nothing are closed for those that come,
 * the longest silent first. So whoever holds many of them keeps nobody out, and couriers behind one address (NAT, kube-proxy) are served in turn.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';

export interface ConnectionLimits {
  /** Of one remote address. */
  perAddress: number;
  total: number;
}

/** TLS takes some 50 KiB a connection, so all of them stay under 64 MiB; of one address, what a node full of Pods (250) asks at the same moment. */
export const CONNECTION_LIMITS: ConnectionLimits = { perAddress: 256, total: 1024 };

interface Connection {
  socket: Socket;
  address: string;
  /** Requests that have begun and are not answered. */
  running: number;
}

/** A TLS connection and the TCP connection beneath it are two objects with these in common. */
const idOf = ({ remoteAddress = '', remotePort = 0 }: Socket): string => `${remoteAddress} ${remotePort}`;

/** Keeps `server` within `limits` from now on. A connection counts as silent until its request's head is complete. */
export function limitConnections(server: Server, limits: ConnectionLimits): void {
  /** The longest silent first. */
  const connections = new Map<string, Connection>();
  const byAddress = new Map<string, number>();

  const count = (address: string, change: number): number => {
    const now = (byAddress.get(address) ?? 0) + change;
    if (now > 0) byAddress.set(address, now);
    else byAddress.delete(address);
    return now;
  };
  const remove = (socket: Socket, id: string): void => {
    const connection = connections.get(id);
    // Another one may have come from that port since.
    if (connection?.socket !== socket) return;
    connections.delete(id);
    count(connection.address, -1);
  };
  const longestSilent = (address: string | undefined): [string, Connection] | undefined => {
    for (const entry of connections)
      if (entry[1].running === 0 && (address === undefined || entry[1].address === address)) return entry;
    return undefined;
  };

  /** Whether there is room for one more, made where that is needed. */
  const makeRoom = (address: string): boolean => {
    const fullAddress = (byAddress.get(address) ?? 0) >= limits.perAddress;
    if (!fullAddress && connections.size < limits.total) return true;
    const [id, oldest] = longestSilent(fullAddress ? address : undefined) ?? [];
    if (id === undefined || !oldest) return false;
    remove(oldest.socket, id);
    oldest.socket.destroy();
    return true;
  };

  server.on('connection', (socket: Socket) => {
    const id = idOf(socket);
    const { remoteAddress: address = '' } = socket;
    if (!makeRoom(address)) return void socket.destroy();
    connections.set(id, { socket, address, running: 0 });
    count(address, 1);
    socket.once('close', () => remove(socket, id));
    return undefined;
  });

  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const id = idOf(socket);
    const connection = connections.get(id);
    if (!connection) return;
    connection.running += 1;
    response.once('close', () => {
      connection.running -= 1;
      // It is now the one that was silent for the shortest time.
      if (connections.get(id) === connection) {
        connections.delete(id);
        connections.set(id, connection);
      }
    });
  });
}

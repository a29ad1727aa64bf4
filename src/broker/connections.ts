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
  id: string;
  socket: Socket;
  address: string;
  /** Requests that have begun and are not answered. */
  running: number;
}

/** A TLS connection and the TCP connection beneath it are two objects with these in common. */
const idOf = ({ remoteAddress = '', remotePort = 0 }: Socket): string => `${remoteAddress} ${remotePort}`;

/** The connections that count, the longest silent first. */
class Counted {
  readonly #limits: ConnectionLimits;
  readonly #connections = new Map<string, Connection>();
  readonly #byAddress = new Map<string, number>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get(socket: Socket): Connection | undefined {
    return this.#connections.get(idOf(socket));
  }

  add(socket: Socket): Connection {
    const { remoteAddress: address = '' } = socket;
    const connection = { id: idOf(socket), socket, address, running: 0 };
    this.#connections.set(connection.id, connection);
    this.#count(address, 1);
    return connection;
  }

  remove(connection: Connection): void {
    // Another one may have come from that port since.
    if (this.#connections.get(connection.id) !== connection) return;
    this.#connections.delete(connection.id);
    this.#count(connection.address, -1);
  }

  /** It is now the one that was silent for the shortest time. */
  renew(connection: Connection): void {
    if (this.#connections.get(connection.id) !== connection) return;
    this.#connections.delete(connection.id);
    this.#connections.set(connection.id, connection);
  }

  /** Whether there is room for one more, made where that is needed. */
  makeRoom(address: string): boolean {
    const isFull = (this.#byAddress.get(address) ?? 0) >= this.#limits.perAddress;
    if (!isFull && this.#connections.size < this.#limits.total) return true;
    const oldest = this.#longestSilent(isFull ? address : undefined);
    if (!oldest) return false;
    this.remove(oldest);
    oldest.socket.destroy();
    return true;
  }

  #longestSilent(address: string | undefined): Connection | undefined {
    for (const connection of this.#connections.values())
      if (connection.running === 0 && (address === undefined || connection.address === address))
        return connection;
    return undefined;
  }

  #count(address: string, change: number): void {
    const now = (this.#byAddress.get(address) ?? 0) + change;
    if (now > 0) this.#byAddress.set(address, now);
    else this.#byAddress.delete(address);
  }
}

export interface LimitedConnections {
  /** Stops counting a connection: one that became a tunnel, or leads into a Sandbox, has limits of its own. Returns the TCP connection beneath it, if it was counted. */
  release(socket: Socket): Socket | undefined;
}

/** Keeps `server` within `limits` from now on. A connection counts as silent until its request's head is complete. */
export function limitConnections(server: Server, limits: ConnectionLimits): LimitedConnections {
  const counted = new Counted(limits);
  const release = (socket: Socket): Socket | undefined => {
    const connection = counted.get(socket);
    if (connection) counted.remove(connection);
    return connection?.socket;
  };

  server.on('connection', (socket: Socket) => {
    if (!counted.makeRoom(socket.remoteAddress ?? '')) return void socket.destroy();
    const connection = counted.add(socket);
    return void socket.once('close', () => counted.remove(connection));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const connection = counted.get(socket);
    if (!connection) return;
    connection.running += 1;
    response.once('close', () => {
      connection.running -= 1;
      counted.renew(connection);
    });
  });
  // Until it is released or ended.
  const keep = ({ socket }: IncomingMessage): void => {
    const connection = counted.get(socket);
    if (connection) connection.running += 1;
  };
  server.on('connect', keep).on('upgrade', keep);
  return { release };
}

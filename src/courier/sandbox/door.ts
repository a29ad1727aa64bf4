/** Where the broker, and nobody else, connects to this Pod: TLS 1.3, with a certificate on both sides. */
import { once } from 'node:events';
import { createServer as createListener, type AddressInfo, type Socket } from 'node:net';
import { checkServerIdentity, createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import type { CourierCertificate } from '../../wire/sandbox/assignment.ts';
import { serve } from './connection.ts';
import type { Sessions } from './sessions.ts';
import { Unproven } from './unproven.ts';

const HANDSHAKE_MS = 10_000;
/** Connections of the broker: each session has one, the others are about to greet. */
const PROVEN_MAX = 256;
const UNPROVEN_MAX = 64;

export interface Door {
  /** Connections from now on get this certificate. */
  use: (certificate: CourierCertificate) => void;
  /** Serves a connection that has come elsewhere, and of which nothing was read. */
  take: (socket: Socket) => void;
  /** Listens on all addresses of the Pod; 0 for any port. Resolves the port. Before it, whoever connects is refused at once, and tries again. */
  open: (port: number) => Promise<number>;
  /** Takes no further connection. */
  close: () => void;
}

export interface DoorBounds {
  /** Where whoever connects is counted until TLS has proved that it is the broker. */
  unproven?: Unproven;
  /** Connections of the broker at the same time. */
  provenMax?: number;
}

export function makeDoor(
  sessions: Sessions,
  { unproven = new Unproven(UNPROVEN_MAX), provenMax = PROVEN_MAX }: DoorBounds = {},
): Door {
  let brokerName: string | undefined;
  let proven = 0;
  const letIn = (socket: TLSSocket): void => {
    unproven.prove(socket);
    proven += 1;
    socket.once('close', () => (proven -= 1));
    serve(socket.setNoDelay(true), sessions);
  };
  const server: Server = createServer({
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: HANDSHAKE_MS,
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    if (brokerName === undefined || !isBroker(socket, brokerName) || proven >= provenMax) socket.destroy();
    else letIn(socket);
  });
  // Whoever does not get through the handshake is nobody.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  const take = (socket: Socket): void => {
    socket.on('error', () => {});
    if (unproven.enter(socket)) server.emit('connection', socket);
  };
  // Nothing is read before TLS takes it.
  const listener = createListener({ pauseOnConnect: true }, take);
  return {
    use: ({ key, cert, ca, brokerName: name }) => {
      brokerName = name;
      server.setSecureContext({ key, cert, ca, minVersion: 'TLSv1.3' });
    },
    take,
    open: async (port) => {
      listener.listen(port);
      await once(listener, 'listening');
      return (listener.address() as AddressInfo).port;
    },
    close: () => listener.close(),
  };
}

const isBroker = (socket: TLSSocket, name: string): boolean =>
  socket.authorized && checkServerIdentity(name, socket.getPeerCertificate()) === undefined;

/** Where the broker, and nobody else, connects to this Pod: TLS 1.3, with a certificate on both sides. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { checkServerIdentity, createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import type { CourierCertificate } from '../../wire/sandbox/assignment.ts';
import { serve } from './connection.ts';
import type { Sessions } from './sessions.ts';

const HANDSHAKE_MS = 10_000;
/** Each session has one connection; the others are about to greet. */
const CONNECTIONS_MAX = 256;

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

export function makeDoor(sessions: Sessions): Door {
  let brokerName: string | undefined;
  const server: Server = createServer({
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: HANDSHAKE_MS,
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.on('secureConnection', (socket: TLSSocket) => {
    if (brokerName === undefined || !isBroker(socket, brokerName)) socket.destroy();
    else serve(socket.setNoDelay(true), sessions);
  });
  // Whoever does not get through the handshake is nobody.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return {
    use: ({ key, cert, ca, brokerName: name }) => {
      brokerName = name;
      server.setSecureContext({ key, cert, ca, minVersion: 'TLSv1.3' });
    },
    take: (socket) => void server.emit('connection', socket),
    open: async (port) => {
      server.listen(port);
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    },
    close: () => server.close(),
  };
}

const isBroker = (socket: TLSSocket, name: string): boolean =>
  socket.authorized && checkServerIdentity(name, socket.getPeerCertificate()) === undefined;

/** TCP between two ends that a test can reset: no goodbye, as where a host or a NAT has forgotten a connection. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Relay {
  port: number;
  /** Where it leads to, on this machine. */
  target: number;
  /** Resets every connection, at both ends. */
  reset(): void;
  close(): Promise<void>;
}

/** Listens on a free port. */
export async function relayTo(target: number): Promise<Relay> {
  const ends = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(relay.target, '127.0.0.1');
    for (const end of [near, far]) {
      ends.add(end);
      end.on('error', () => undefined).on('close', () => ends.delete(end));
    }
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const relay: Relay = {
    port: (server.address() as AddressInfo).port,
    target,
    reset: () => ends.forEach((end) => end.resetAndDestroy()),
    close: async () => {
      relay.reset();
      server.close();
      await once(server, 'close');
    },
  };
  return relay;
}

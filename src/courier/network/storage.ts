/** The storage through tunnels: presigned URLs stay as they are, only the connections beneath are others. */
import { Agent as HttpAgent } from 'node:http';
import type { ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { hostOf } from '../../wire/network.ts';
import { SOCKETS } from '../broker/http.ts';
import type { StorageAgents } from '../broker/http.ts';
import type { OpenTunnel } from './tunnel.ts';

type Callback = (error: Error | null, stream: Duplex) => void;

/** A tunnel that nobody uses is the broker's burden as well; phases may take hours. */
const POOL = { keepAlive: true, maxSockets: SOCKETS, timeout: 10_000 };

/** Agents whose connections are tunnels. */
export const storageThrough = (open: OpenTunnel): StorageAgents => ({
  http: new TunnelledHttp(open),
  https: new TunnelledHttps(open),
});

async function tunnelTo({ host, port }: ClientRequestArgs, open: OpenTunnel): Promise<Socket> {
  const known = hostOf(host ?? '');
  if (!known) throw new Error(`the storage's host ${JSON.stringify(host)} is no plain name or address`);
  return await open({ target: { host: known, port: Number(port) }, purpose: { kind: 'store' } });
}

class TunnelledHttp extends HttpAgent {
  readonly #open: OpenTunnel;

  constructor(open: OpenTunnel) {
    super(POOL);
    this.#open = open;
  }

  override createConnection(options: ClientRequestArgs, callback?: Callback): undefined {
    tunnelTo(options, this.#open).then(
      (tunnel) => callback?.(null, tunnel),
      (error: Error) => callback?.(error, undefined as never),
    );
  }
}

/** TLS with the storage within the broker's. */
class TunnelledHttps extends HttpsAgent {
  readonly #open: OpenTunnel;

  constructor(open: OpenTunnel) {
    super(POOL);
    this.#open = open;
  }

  override createConnection(options: RequestOptions, callback?: Callback): undefined {
    tunnelTo(options, this.#open).then(
      (socket) =>
        callback?.(null, super.createConnection({ ...options, socket } as RequestOptions) as Duplex),
      (error: Error) => callback?.(error, undefined as never),
    );
  }
}

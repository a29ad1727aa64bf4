/** The courier's own requests through tunnels: URLs stay as they are, only the connections beneath are others. */
import { Agent as HttpAgent } from 'node:http';
import type { ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { hostOf } from '../../wire/network.ts';
import { SOCKETS } from '../broker/http.ts';
import type { StorageAgents } from '../broker/http.ts';
import type { TunnelPurpose } from '../../wire/tunnel.ts';
import type { OpenTunnel } from './tunnel.ts';

type Callback = (error: Error | null, stream: Duplex) => void;

/** A tunnel that nobody uses is the broker's burden as well; phases may take hours. */
const POOL = { keepAlive: true, maxSockets: SOCKETS, timeout: 10_000 };

/** Agents whose connections are tunnels. */
export function agentsThrough(open: OpenTunnel, purpose: TunnelPurpose): StorageAgents {
  const way = { open, purpose };
  return { http: new TunnelledHttp(way), https: new TunnelledHttps(way) };
}

interface TunnelWay {
  open: OpenTunnel;
  purpose: TunnelPurpose;
}

async function tunnelTo({ host, port }: ClientRequestArgs, { open, purpose }: TunnelWay): Promise<Socket> {
  const known = hostOf(host ?? '');
  if (!known) throw new Error(`the host ${JSON.stringify(host)} is no plain name or address`);
  return await open({ target: { host: known, port: Number(port) }, purpose });
}

class TunnelledHttp extends HttpAgent {
  readonly #way: TunnelWay;

  constructor(way: TunnelWay) {
    super(POOL);
    this.#way = way;
  }

  override createConnection(options: ClientRequestArgs, callback?: Callback): undefined {
    tunnelTo(options, this.#way).then(
      (tunnel) => callback?.(null, tunnel),
      (error: Error) => callback?.(error, undefined as never),
    );
  }
}

/** TLS with the storage within the broker's. */
class TunnelledHttps extends HttpsAgent {
  readonly #way: TunnelWay;

  constructor(way: TunnelWay) {
    super(POOL);
    this.#way = way;
  }

  override createConnection(options: RequestOptions, callback?: Callback): undefined {
    tunnelTo(options, this.#way).then(
      (socket) =>
        callback?.(null, super.createConnection({ ...options, socket } as RequestOptions) as Duplex),
      (error: Error) => callback?.(error, undefined as never),
    );
  }
}

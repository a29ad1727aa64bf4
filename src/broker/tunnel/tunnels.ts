/** The tunnels of a broker: `CONNECT` on its own port (src/wire/tunnel.ts). */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from '../../kube/types.ts';
import { authorityOf } from '../../wire/tunnel.ts';
import type { BrokerMetrics } from '../metrics.ts';
import { isRefused, refusalOf, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { endWith, ESTABLISHED, refusalText } from '../answer.ts';
import { judge } from './first-bytes.ts';
import { opener } from './open.ts';
import type { OpenDeps, Opened } from './open.ts';
import { relay, sever } from './relay.ts';
import type { Ends, RelayOptions, RelayTimes, TurnedAway } from './relay.ts';

export interface TunnelTimes extends RelayTimes {
  /** Until one of the host's addresses has answered. */
  connectMs: number;
}

/** A model may think for minutes before it says a word. */
export const TUNNEL_TIMES: TunnelTimes = {
  connectMs: 10_000,
  firstByteMs: 30_000,
  judgeMs: 10_000,
  idleMs: 15 * 60_000,
};

/** A node that is lost says nothing. */
const KEEP_ALIVE_MS = 60_000;

export interface TunnelDeps extends Omit<OpenDeps, 'connectMs'> {
  times: TunnelTimes;
  /** Called once a tunnel is open, and counted here from then on. Returns the TCP connection beneath the client's TLS. */
  onOpen: (client: Socket) => Socket | undefined;
  log: Log;
  metrics: BrokerMetrics;
}

export interface Tunnels {
  /** Serves a `CONNECT`; `head` are bytes that came with it. Resolves at its end, never rejects. */
  serve(request: IncomingMessage, client: Socket, head: Buffer): Promise<void>;
  /** Ends all that are open. */
  destroy(): void;
}

export function tunnels(deps: TunnelDeps): Tunnels {
  const { times, onOpen, log, metrics } = deps;
  const opened = opener({ ...deps, connectMs: times.connectMs });
  const open = new Set<Ends>();

  const through = async (client: Socket, tunnel: Opened): Promise<void> => {
    const { upstream, wanted } = tunnel;
    const ends: Ends = { client, beneath: onOpen(client), upstream };
    open.add(ends);
    const end = metrics.tunnelOpened(wanted.purpose.kind);
    client.setNoDelay().setKeepAlive(true, KEEP_ALIVE_MS);
    client.write(ESTABLISHED);
    await relay(ends, { times, judge: judgeOf(tunnel), turnAway: turnAway(client, tunnel) });
    open.delete(ends);
    end({ sent: upstream.bytesWritten, received: upstream.bytesRead });
  };

  const turnAway =
    (client: Socket, { wanted }: Opened) =>
    ({ why, http }: TurnedAway): void => {
      metrics.turnedAway();
      log.debug({ target: authorityOf(wanted.target) }, `broker: tunnel ended: ${why}`);
      endWith(client, http ? refusalText(refused(403, 'FirstBytesRefused', why)) : undefined);
    };

  const turnDown = (client: Socket, refusal: Refused): void => {
    log.debug({ reason: refusal.reason }, `broker: no tunnel: ${refusal.message}`);
    endWith(client, refusalText(refusal));
  };

  return {
    async serve(request, client, head) {
      const began = performance.now();
      client.on('error', () => undefined);
      // Whoever has sent everything still listens.
      client.allowHalfOpen = true;
      const result = await opened(request).catch((error: unknown) => {
        log.error({ err: error }, 'broker: tunnel failed');
        return refusalOf(error);
      });
      const status = isRefused(result) ? { status: result.status, refusal: result.reason } : { status: 200 };
      metrics.answered({ route: 'CONNECT', seconds: (performance.now() - began) / 1000, ...status });
      if (isRefused(result)) return turnDown(client, result);
      if (head.length > 0) client.unshift(head);
      if (client.destroyed) result.upstream.destroy();
      else await through(client, result);
      return result.leave();
    },
    destroy() {
      for (const ends of open) sever(ends);
    },
  };
}

/** What holds a client's first bytes against the list, where there is one. */
function judgeOf({ grant, wanted: { target } }: Opened): RelayOptions['judge'] {
  if (grant.kind !== 'world' || grant.network.mode !== 'Allowlist') return undefined;
  const { network } = grant;
  return (bytes, ended) => judge(bytes, { network, target, ended });
}

/** Tunnels through the broker: the only way out of a Pod whose network is restricted. */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Agent } from 'node:https';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { retry } from '../../async/retry.ts';
import { authorityOf, headersOf } from '../../wire/tunnel.ts';
import type { TunnelPurpose, TunnelTarget } from '../../wire/tunnel.ts';
import { sentenceOf } from '../broker/broker-client.ts';
import { agentFor } from '../broker/http.ts';
import type { BrokerSettings } from '../settings.ts';

/** What a tunnel is for; whoever no longer wants it aborts `signal`. */
export interface TunnelWish {
  target: TunnelTarget;
  purpose: TunnelPurpose;
  signal?: AbortSignal;
}

/** Resolves a stream of raw bytes. Rejects with TunnelRefused, with the reason of `signal`, or with why the broker could not be reached. */
export type OpenTunnel = (wish: TunnelWish) => Promise<Socket>;

/** The broker opens no such tunnel; the message is its own sentence. */
export class TunnelRefused extends Error {
  override readonly name = 'TunnelRefused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The broker looks the name up and connects before it answers. */
const OPEN_MS = 30_000;
/** A replica of the broker may be on its way out; callers have patience of their own. */
const TRIES = 4;
const FIRST_PAUSE_MS = 200;
const REFUSAL_MAX_BYTES = 4096;

/** Tunnels with the courier's own token, which is read for each. One is tried again only before it was open, so nothing is sent twice. */
export function tunnels(broker: BrokerSettings): OpenTunnel {
  const agent = agentFor(broker, HALF_OPEN);
  return (wish) => {
    const pauseMs = (error: unknown, failures: number): number | undefined =>
      failures < TRIES && mayPass(error) && !wish.signal?.aborted
        ? FIRST_PAUSE_MS * 2 ** (failures - 1)
        : undefined;
    return retry(() => open(broker, agent, wish), { pauseMs, signal: wish.signal });
  };
}

/** What one side has ended the other may go on with. Node passes this on to `tls.connect`. */
const HALF_OPEN = { keepAlive: false, allowHalfOpen: true };

/** Too many tunnels of this Pod, or a broker that does not answer now. */
const mayPass = (error: unknown): boolean =>
  !(error instanceof TunnelRefused) || error.status === 429 || error.status === 503;

async function open(broker: BrokerSettings, agent: Agent, wish: TunnelWish): Promise<Socket> {
  const { target, purpose, signal } = wish;
  const token = (await readFile(broker.tokenFile, 'utf8')).trim();
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const { hostname } = new URL(broker.url);
  const asking = request(broker.url, {
    method: 'CONNECT',
    // Node would take the name in the certificate from the header Host. An address has none.
    servername: isIP(hostname) ? '' : hostname,
    path: authorityOf(target),
    headers: { host: authorityOf(target), authorization: `Bearer ${token}`, ...headersOf(purpose) },
    agent,
    timeout: OPEN_MS,
    ...(signal && { signal }),
  });
  asking.on('error', (error) => reject(signal?.aborted ? (signal.reason as Error) : error));
  asking.on('timeout', () => asking.destroy(new Error(`the broker did not answer for ${OPEN_MS / 1000} s`)));
  asking.on('connect', (answer: IncomingMessage, socket: Socket, head: Buffer) => {
    // Whoever reads or writes it hears of its errors; until then nobody does.
    socket.on('error', () => {});
    if (head.length > 0) socket.unshift(head);
    if (answer.statusCode === 200) resolve(socket.setTimeout(0));
    else refusalOf(answer, socket).then(reject, reject);
  });
  asking.end();
  return await promise;
}

/** Node parses nothing of an answer to CONNECT but its head. */
async function refusalOf(answer: IncomingMessage, socket: Socket): Promise<TunnelRefused> {
  const { statusCode = 0, headers } = answer;
  const length = Math.min(Number(headers['content-length'] ?? 0), REFUSAL_MAX_BYTES);
  let body = Buffer.alloc(0);
  socket.setTimeout(OPEN_MS, () => socket.destroy());
  if (length > 0)
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      body = Buffer.concat([body, chunk]);
      if (body.length >= length) break;
    }
  socket.destroy();
  return new TunnelRefused(
    statusCode,
    sentenceOf(body.toString('utf8', 0, length)) ?? `status ${statusCode}`,
  );
}

/** The HTTP side: which protocol a path speaks, keys, bodies, and how replies are delivered. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelRequest } from './conversation.ts';
import { type KeyTotals, Log, type LogEntry } from './log.ts';
import { type Played, Player } from './play.ts';
import { anthropic } from './protocols/anthropic.ts';
import { chat } from './protocols/chat.ts';
import { gemini } from './protocols/gemini.ts';
import type { Body, Failure, Protocol, Route } from './protocols/protocol.ts';
import { responses } from './protocols/responses.ts';
import type { ScriptSources } from './script.ts';

const protocols: readonly Protocol[] = [anthropic, responses, chat, gemini];
const largestBody = 64 * 1024 * 1024;

export interface ModelServerOptions {
  scripts: ScriptSources;
  /** Values by name; a request must bring one of them. */
  keys: Record<string, string>;
  host?: string;
  /** 0 for any free one. */
  port?: number;
}

export interface ModelServer {
  /** `http://ADDRESS:PORT`, without a path. */
  url: string;
  /** The newest entries, oldest first. */
  log(): LogEntry[];
  /** By the key's name. */
  totals(): Record<string, KeyTotals>;
  close(): Promise<void>;
}

/** A request on its way. */
interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  entry: LogEntry;
  /** Ends what still waits when the client leaves or the server closes. */
  signal: AbortSignal;
}

/** Starts a server; it listens when this resolves. @throws when a script has an unknown field or the port is taken. */
export async function startModelServer({
  scripts,
  keys,
  host = '127.0.0.1',
  port = 0,
}: ModelServerOptions): Promise<ModelServer> {
  const desk = new Desk(
    new Player(scripts),
    new Map(Object.entries(keys).map(([name, value]) => [value, name])),
  );
  const server = createServer((request, response) => void desk.serve(request, response));
  await once(server.listen(port, host), 'listening');
  const address = server.address() as AddressInfo;
  const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${shown}:${address.port}`,
    log: () => desk.log.entries(),
    totals: () => desk.log.totals(),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Serves one request after the other; what it keeps are counters and the log. */
class Desk {
  readonly log = new Log();
  readonly #player: Player;
  /** Names by value. */
  readonly #keys: ReadonlyMap<string, string>;
  /** What tests and probes read; it holds no key's value, so it demands none. */
  readonly #ownPages: Partial<Record<string, () => string>> = {
    '/log': () => lines(this.log.entries()),
    '/totals': () => JSON.stringify(this.log.totals()),
    '/healthz': () => 'ok',
  };

  constructor(player: Player, keys: ReadonlyMap<string, string>) {
    this.#player = player;
    this.#keys = keys;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(`http://model${request.url ?? '/'}`);
    const own = this.#ownPages[url.pathname];
    if (own !== undefined) return void response.end(own());
    const left = new AbortController();
    response.once('close', () => left.abort());
    const entry: LogEntry = {
      time: new Date().toISOString(),
      method: request.method ?? '',
      path: url.pathname,
      headers: Object.keys(request.headers),
      bytes: 0,
    };
    this.log.begin(entry);
    try {
      await this.#answer({ request, response, url, entry, signal: left.signal });
    } catch (error) {
      entry.outcome ??= 'abandoned';
      // One request that this server cannot read must not end the conversations of the others.
      if (!left.signal.aborted && !request.destroyed) console.error(`${entry.method} ${entry.path}:`, error);
      response.destroy();
    } finally {
      this.log.end(entry);
    }
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { request, url, entry } = exchange;
    const [protocol, route] = routed(url, request);
    entry.protocol = protocol.name;
    const body = await read(request);
    entry.bytes = body?.length ?? largestBody;
    if (body === undefined) return fail(exchange, protocol.failure('too-large'));
    const key = this.#keys.get(keyOf(request, url));
    if (key === undefined) return fail(exchange, protocol.failure('auth'));
    entry.key = key;
    if (route === undefined) return this.#list(exchange, protocol);
    const parsed = parse(body);
    if (parsed === undefined) return fail(exchange, protocol.failure('bad-request'));
    if (route.does === 'count') {
      return send(exchange, 200, protocol.count?.(Math.ceil(body.length / 4)));
    }
    await this.#generate(exchange, protocol, protocol.read(parsed, route));
  }

  /** `GET …/models` and `GET …/models/NAME`, in the words of the protocol that the key came in. */
  #list(exchange: Exchange, protocol: Protocol): void {
    const names = [...this.#player.scripts.keys()];
    const { method } = exchange.request;
    if (method === 'GET' && exchange.url.pathname.endsWith('/models')) {
      return send(exchange, 200, protocol.models(names));
    }
    const named = /\/models\/(.+)$/.exec(exchange.url.pathname)?.[1];
    const one = protocol.models(names.filter((name) => name === named));
    const [found] = Object.values(one).find((value) => Array.isArray(value)) ?? [];
    if (method !== 'GET' || found === undefined) return fail(exchange, protocol.failure('no-model'));
    send(exchange, 200, found);
  }

  async #generate(exchange: Exchange, protocol: Protocol, request: ModelRequest): Promise<void> {
    const { entry, signal } = exchange;
    const played = this.#player.play(request, entry.key ?? '');
    Object.assign(entry, asked(request), { side: played.turn === undefined });
    if (played.script !== undefined) Object.assign(entry, { script: played.script, turn: played.turn });
    await sleep(played.delay * 1000, undefined, { signal });
    if (played.kind === 'failure') return failAsPlayed(exchange, protocol, { played, request });
    const frames = request.stream
      ? protocol.frames(played.reply, request)
      : [JSON.stringify(protocol.answer(played.reply, request))];
    await deliver(exchange, played, request.stream ? frames : halves(frames.join('')));
    if (entry.outcome === 'answered' && request.reportsUsage) entry.usage = played.reply.usage;
  }
}

/** What the log keeps of a request: names, and no more of them than any agent has. */
const asked = ({ model, stream, tools }: ModelRequest): Pick<LogEntry, 'model' | 'stream' | 'tools'> => ({
  model: model.slice(0, 200),
  stream,
  tools: tools.slice(0, 200).map(({ name }) => name.slice(0, 100)),
});

function failAsPlayed(
  exchange: Exchange,
  protocol: Protocol,
  { played, request }: { played: Played & { kind: 'failure' }; request: ModelRequest },
): void {
  if (!played.midstream || !request.stream) {
    return fail(exchange, protocol.failure(played.name, played.retryAfter));
  }
  begin(exchange, 200, 'text/event-stream');
  exchange.entry.outcome = 'failed';
  exchange.response.end(protocol.failedFrames(played.name, request).join(''));
}

/** The protocol of a path. One that belongs to several is told by the header that brings the key. */
function routed(url: URL, { headers, method }: IncomingMessage): [Protocol, Route | undefined] {
  for (const protocol of protocols) {
    const route = method === 'POST' ? protocol.route(decodeURIComponent(url.pathname)) : undefined;
    if (route) return [protocol, route];
  }
  if ('x-goog-api-key' in headers || url.searchParams.has('key')) return [gemini, undefined];
  return ['x-api-key' in headers || 'anthropic-version' in headers ? anthropic : chat, undefined];
}

function keyOf({ headers }: IncomingMessage, url: URL): string {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  const given = [headers['x-api-key'], headers['x-goog-api-key'], bearer, url.searchParams.get('key')];
  return String(given.find((value) => typeof value === 'string' && value !== '') ?? '');
}

/** The body, undefined if it is too large; what is too much is read and dropped, so that the client sees the answer. */
async function read(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= largestBody) chunks.push(chunk);
    else chunks.length = 0;
  }
  return size <= largestBody ? Buffer.concat(chunks) : undefined;
}

function parse(body: Buffer): Body | undefined {
  try {
    const value: unknown = JSON.parse(body.toString());
    return value !== null && typeof value === 'object' ? (value as Body) : undefined;
  } catch {
    return undefined;
  }
}

function begin({ response, entry }: Exchange, status: number, type: string): void {
  entry.status = status;
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-cache' });
}

function send(exchange: Exchange, status: number, body: unknown): void {
  begin(exchange, status, 'application/json');
  exchange.entry.outcome = status < 400 ? 'answered' : 'failed';
  exchange.response.end(JSON.stringify(body));
}

function fail(exchange: Exchange, { status, body, headers = {} }: Failure): void {
  for (const [header, value] of Object.entries(headers)) exchange.response.setHeader(header, value);
  send(exchange, status, body);
}

const lines = (entries: LogEntry[]): string => entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

const halves = (text: string): string[] => [text.slice(0, text.length / 2), text.slice(text.length / 2)];

/** Sends a reply the way the script wants it. Half of a reply is what comes before its middle frame. */
async function deliver(
  exchange: Exchange,
  { delivery }: Played & { kind: 'reply' },
  frames: string[],
): Promise<void> {
  const { response, entry, signal } = exchange;
  const middle = Math.ceil(frames.length / 2);
  if (delivery === 'drop') {
    entry.outcome = 'cut';
    return void response.destroy();
  }
  begin(exchange, 200, frames[0]?.startsWith('{') ? 'application/json' : 'text/event-stream');
  const half = new Promise((resolve) => response.write(frames.slice(0, middle).join(''), resolve));
  if (delivery === 'cut') {
    entry.outcome = 'cut';
    // Before this, the half is still corked, and the client would see nothing of it.
    await half;
    return void response.socket?.end();
  }
  if (delivery !== 'whole') await sleep(delivery.stall * 1000, undefined, { signal });
  entry.outcome = 'answered';
  response.end(frames.slice(middle).join(''));
}

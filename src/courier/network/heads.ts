/** Pure: the heads of requests to a proxy, and what of them goes on to the other end. */
import { targetOf } from '../../wire/tunnel.ts';
import type { TunnelTarget } from '../../wire/tunnel.ts';

/** Names and values in turn, as Node has them. */
export type RawHeaders = readonly string[];

/** Of this connection alone (RFC 9110, 7.6.1), or meant for a proxy. `expect` was answered already. */
const HOP_BY_HOP = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What is the message's own and not the connection's. */
export function endToEnd(raw: RawHeaders): string[] {
  const pairs = pairsOf(raw);
  const named = pairs.flatMap(([name, value]) =>
    name.toLowerCase() === 'connection' ? value.toLowerCase().split(/[\s,]+/) : [],
  );
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  // Whoever names the length a matter of the connection would have the body read as another request.
  dropped.delete('content-length');
  return pairs.filter(([name]) => !dropped.has(name.toLowerCase())).flat();
}

function pairsOf(raw: RawHeaders): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2)
    pairs.push([raw[index] ?? '', raw[index + 1] ?? '']);
  return pairs;
}

/** A request in plain HTTP as a client wrote it to a proxy. */
export interface Asked {
  method?: string | undefined;
  url?: string | undefined;
  rawHeaders: RawHeaders;
}

/** A request in plain HTTP as it goes on, or why it does not. */
export type Onward = { target: TunnelTarget; path: string; headers: string[] } | { problem: string };

/**
 * Where a request to a proxy goes. What it says of its host is the target's own (RFC 9112, 3.2.2), whatever it said before: nobody is to reach
 * one host under the name of another.
 */
export function onwardOf({ method, url = '', rawHeaders }: Asked): Onward {
  const where = whereTo(url);
  if ('problem' in where) return where;
  const coding = valueOf(rawHeaders, 'transfer-encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return { problem: 'a body with another transfer encoding than chunked is not passed on' };
  const { authority, target, path } = where;
  const own = pairsOf(endToEnd(rawHeaders)).filter(([name]) => name.toLowerCase() !== 'host');
  const headers = ['host', authority, ...own.flat(), ...bodyOf({ method, rawHeaders }, coding)];
  return { target, path, headers };
}

const ABSOLUTE = /^http:\/\/([^/?#]*)([/?][\u0021\u0022\u0024-\u007e]*)?$/i;

function whereTo(
  url: string,
): { authority: string; target: TunnelTarget; path: string } | { problem: string } {
  if (/^(https|wss):/i.test(url)) return { problem: 'ask for hosts with TLS by CONNECT' };
  const [, authority, path = '/'] = ABSOLUTE.exec(url) ?? [];
  if (authority === undefined)
    return { problem: 'this is a proxy: expected CONNECT host:port, or a whole http:// URL' };
  if (authority.includes('@')) return { problem: 'a URL with a user or a password is not passed on' };
  const target = targetOf(/:\d+$/.test(authority) ? authority : `${authority}:80`);
  if (!target) return { problem: `${authority} is no plain host or host:port` };
  return { authority, target, path: path.startsWith('/') ? path : `/${path}` };
}

/** Methods whose requests have no body unless they say so. */
const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** How the length of the body is told, where no header that goes on does. */
function bodyOf({ method = '', rawHeaders }: Asked, coding: string | undefined): string[] {
  if (coding !== undefined) return ['transfer-encoding', 'chunked'];
  const isKnown = valueOf(rawHeaders, 'content-length') !== undefined || BODILESS.has(method);
  return isKnown ? [] : ['content-length', '0'];
}

const valueOf = (raw: RawHeaders, wanted: string): string | undefined =>
  pairsOf(raw)
    .find(([name]) => name.toLowerCase() === wanted)?.[1]
    .trim();

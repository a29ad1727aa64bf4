/** Pure: which hosts a plain HTTP/1 request names (RFC 9112), out of the first bytes of a connection. Stricter than servers are: what two could read in two ways is refused. */
import type { FirstBytes } from './first-bytes.ts';

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** Empty lines and the like that servers skip. */
const BEFORE = /^\s+/;
/** What may become a request line. */
const BEGINNING = new RegExp(`^${TOKEN}(?:[ \\t][^\\0\\r\\n]*)?\\r?$`);
const REQUEST = new RegExp(`^${TOKEN} ([^\\s\\0]+) HTTP/1\\.[01]$`);
const FIELD = new RegExp(`^(${TOKEN}):[ \\t]*([^\\0\\r]*?)[ \\t]*$`);
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/([^/?#\\@]*)(?:[/?#]|$)/i;
const AUTHORITY = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d*)?$/;
const END = /\r?\n\r?\n/;

const bad = (why: string): FirstBytes => ({ kind: 'bad', protocol: 'http', why });

/** The first line of HTTP, of any version; one of version 0.9 names none. A proxy's line stands before whatever follows. */
const isHttpLine = (line: string): boolean => /HTTP\//i.test(line) || /^(?:GET|PROXY)\s/.test(line);

/** `more` where it cannot be told yet; `pass` for what no server takes for HTTP. */
export function readHead(bytes: Buffer): FirstBytes {
  const text = bytes.toString('latin1').replace(BEFORE, '');
  const [line = '', ...others] = text.split('\n', 2);
  if (text === '' || (others.length === 0 && BEGINNING.test(line))) return { kind: 'more' };
  if (!isHttpLine(line)) return { kind: 'pass' };
  const end = END.exec(text);
  if (!end) return { kind: 'more' };
  return readRequest(text.slice(0, end.index).split(/\r?\n/));
}

function readRequest([request = '', ...lines]: string[]): FirstBytes {
  const [, target] = REQUEST.exec(request) ?? [];
  if (target === undefined) return bad('the first line is none of HTTP/1.0 or HTTP/1.1');
  const fields = lines.map((line) => FIELD.exec(line));
  if (fields.includes(null)) return bad('a header of the request cannot be read');
  const hosts = fields.flatMap((field) => (field?.[1]?.toLowerCase() === 'host' ? [field[2] ?? ''] : []));
  const named = targetHosts(target);
  if (!named) return bad('the target of the request cannot be read');
  return { kind: 'hosts', protocol: 'http', hosts: [...named, ...hosts].map(withoutPort) };
}

/** The authorities that a request's target names: none in `/path` and `*`; undefined where it cannot be told. */
function targetHosts(target: string): string[] | undefined {
  if (target.startsWith('/') || target === '*') return [];
  const [, authority] = ABSOLUTE.exec(target) ?? [];
  if (authority !== undefined) return [authority];
  return AUTHORITY.test(target) ? [target] : undefined;
}

/** What is no authority stays as it is: no list has such a host. */
function withoutPort(authority: string): string {
  const [, v6, host] = AUTHORITY.exec(authority) ?? [];
  return v6 ?? host ?? authority;
}

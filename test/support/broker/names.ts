/** A name server on loopback: UDP, A and AAAA, with answers that a test may change at any time. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface NameServer {
  /** For `Resolver.setServers`. */
  address: string;
  /** Addresses by name; a name without an entry does not exist, and `silent` is never answered. */
  records: Map<string, string[] | 'silent'>;
  /** Every question, as `a.org A`, in order. */
  asked: string[];
  close(): void;
}

const TYPES: Record<number, { name: string; family: 4 | 6 }> = {
  1: { name: 'A', family: 4 },
  28: { name: 'AAAA', family: 6 },
};
const NO_SUCH_NAME = 3;

/** The name that begins at 12, and where it ends. */
function questionOf(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** Groups of IPv6 are written in full in tests, or with one `::`. */
function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [left = '', right = ''] = address.split('::').map((side) => side);
  const groups = (side: string): string[] => (side === '' ? [] : side.split(':'));
  const zeros = Array<string>(8 - groups(left).length - groups(right).length).fill('0');
  const all = [...groups(left), ...zeros, ...groups(right)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

const answer = (address: string, type: number): Buffer => {
  const data = bytesOf(address);
  const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length]);
  return Buffer.concat([head, data]);
};

export async function startNames(): Promise<NameServer> {
  const server = createSocket('udp4');
  const names: NameServer = { address: '', records: new Map(), asked: [], close: () => server.close() };
  server.on('message', (query, { port, address }) => {
    const { name, end } = questionOf(query);
    const type = TYPES[query.readUInt16BE(end)];
    names.asked.push(`${name} ${type?.name}`);
    const found = names.records.get(name);
    if (found === 'silent') return;
    const family = type?.family === 6 ? ':' : '.';
    const answers = (found ?? [])
      .filter((text) => type && text.includes(family))
      .map((text) => answer(text, query.readUInt16BE(end)));
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(0x8180 | (found ? 0 : NO_SUCH_NAME), 2);
    head.writeUInt16BE(answers.length, 6);
    head.fill(0, 8);
    server.send(Buffer.concat([head, query.subarray(12, end + 4), ...answers]), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  names.address = `127.0.0.1:${server.address().port}`;
  return names;
}

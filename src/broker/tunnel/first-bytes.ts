/**
 * Pure: whom the first bytes of a client ask for. A list of hosts is a list of names, while a connection goes to an address that many names may
 * share; so a server must not be told another name than the list has. What a client says inside TLS is not seen here.
 */
import { hostText, mayReach } from '../../wire/network.ts';
import type { PhaseNetwork } from '../../wire/network.ts';
import type { TunnelTarget } from '../../wire/tunnel.ts';
import { readHead } from './http-head.ts';
import { readHello } from './tls-hello.ts';

export type FirstBytes =
  /** It cannot be told yet. */
  | { kind: 'more' }
  /** Neither TLS nor HTTP: nothing that names hosts. */
  | { kind: 'pass' }
  /** Every one that is named. */
  | { kind: 'hosts'; protocol: 'tls' | 'http'; hosts: string[] }
  /** TLS or HTTP that cannot be read in one way only. */
  | { kind: 'bad'; protocol: 'tls' | 'http'; why: string };

/** No ClientHello and no head of a request needs more. */
const BYTES_MAX = 32 * 1024;

function read(bytes: Buffer): FirstBytes {
  const hello = readHello(bytes);
  return hello.kind === 'pass' ? readHead(bytes) : hello;
}

/** `refused` is why not, as a sentence without its end; `http` says whether the client understands an answer in HTTP. */
export type Judgement = { kind: 'more' } | { kind: 'pass' } | { kind: 'refused'; why: string; http: boolean };

/** Whether a client of an Allowlist phase that begins with `bytes` may go on; `ended`: it sends no more than them. */
export function judge(
  bytes: Buffer,
  { network, target, ended }: { network: PhaseNetwork; target: TunnelTarget; ended: boolean },
): Judgement {
  const found = read(bytes);
  switch (found.kind) {
    case 'pass':
      return found;
    case 'more':
      if (!ended && bytes.length < BYTES_MAX) return found;
      return { kind: 'refused', why: 'the first bytes name no host to their end', http: false };
    case 'bad':
      return { kind: 'refused', why: found.why, http: found.protocol === 'http' };
    case 'hosts': {
      const why = problemOfHosts(found, { network, target });
      return why === undefined ? { kind: 'pass' } : { kind: 'refused', why, http: found.protocol === 'http' };
    }
    default:
      return found satisfies never;
  }
}

const FIELD = { tls: 'server name (SNI) of TLS', http: 'Host of the request' } as const;

function problemOfHosts(
  { protocol, hosts }: FirstBytes & { kind: 'hosts' },
  { network, target }: { network: PhaseNetwork; target: TunnelTarget },
): string | undefined {
  const stranger = hosts.find((host) => !mayReach(network, host));
  if (stranger !== undefined)
    return `the ${FIELD[protocol]} is ${JSON.stringify(stranger.slice(0, 253))}, which is not allowed`;
  if (hosts.length > 0 || target.host.kind === 'address') return undefined;
  return `there is no ${FIELD[protocol]}, and a connection to ${hostText(target.host)} needs one`;
}

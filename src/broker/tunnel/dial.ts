/** The broker's own end of a tunnel: a name resolved once, its addresses checked, and a connection to one of those and no other. */
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { addressOf } from '../../wire/addresses.ts';
import type { Address } from '../../wire/addresses.ts';
import { mayConnect } from '../../wire/egress.ts';
import type { Egress } from '../../wire/egress.ts';
import { hostText } from '../../wire/network.ts';
import { authorityOf } from '../../wire/tunnel.ts';
import type { TunnelTarget } from '../../wire/tunnel.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import type { Grant } from './access.ts';

/** All addresses of a name, IPv4 first. Rejects where there is none, with the `code` of node:dns. */
export type Resolve = (name: string) => Promise<string[]>;

export interface DialDeps {
  resolve: Resolve;
  /** Asked for each connection of a phase: addresses of the cluster change. */
  egress: () => Promise<Egress>;
  /** For the store's name; default: Node's own. */
  storeLookup?: LookupFunction;
  /** Until one of the addresses has answered. */
  connectMs: number;
}

/** Twice, then the next server. */
const QUERY_MS = 1500;
const QUERIES = 2;
/** An address that does not answer in this time does not keep the next one waiting. */
const ATTEMPT_MS = 1000;

/**
 * Asks the name servers of resolv.conf, or `servers`, for the very name: no search list, or a Service `org` in a namespace `example` would be
 * `example.org`. It takes none of the threads in which the rest of the process looks up names.
 */
export function nameResolver(servers?: string[]): Resolve {
  const resolver = new Resolver({ timeout: QUERY_MS, tries: QUERIES });
  if (servers) resolver.setServers(servers);
  return async (name) => {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length > 0) return addresses;
    throw (answers[0] as PromiseRejectedResult).reason;
  };
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | undefined)?.code ?? 'no answer';
const LATE = new Set(['ETIMEDOUT', 'ETIMEOUT']);

/** Whose fault it is that nothing came of it. */
function unreachable(what: string, error: unknown): Refused {
  const code = codeOf(error);
  return LATE.has(code)
    ? refused(504, 'NoAnswer', `${what} in time`)
    : refused(502, 'Unreachable', `${what}: ${code}`);
}

async function addressesOf({ host }: TunnelTarget, resolve: Resolve): Promise<Address[] | Refused> {
  if (host.kind === 'address') return [host.address];
  try {
    return (await resolve(host.name)).flatMap((text) => addressOf(text) ?? []);
  } catch (error) {
    return unreachable(`${host.name} was not resolved`, error);
  }
}

/** Where a phase, or a call of a model, may really be led: those of the host's addresses that no policy forbids. */
async function checkedAddresses(
  target: TunnelTarget,
  { resolve, egress }: DialDeps,
): Promise<Address[] | Refused> {
  const addresses = await addressesOf(target, resolve);
  if (isRefused(addresses)) return addresses;
  const terms = await egress();
  const open = addresses.filter((address) => mayConnect(address, target.port, terms));
  if (open.length > 0) return open;
  const found = addresses.map(({ text }) => text).join(', ') || 'nothing';
  return refused(
    403,
    'AddressRefused',
    `${authorityOf(target)} is not allowed: it leads to ${found}, which is neither public nor among the exceptions of this installation`,
  );
}

/** Gives what was checked, whatever the name says by now. */
const lookupOf =
  (addresses: readonly Address[]): LookupFunction =>
  (_name, _options, callback) =>
    callback(
      null,
      addresses.map(({ text: address, family }) => ({ address, family })),
    );

interface Line {
  host: string;
  port: number;
  lookup?: LookupFunction;
}

/** Tries the addresses one after the other. */
function connected(line: Line, connectMs: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({
    ...line,
    allowHalfOpen: true,
    noDelay: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
  });
  const late = (): unknown => socket.destroy(Object.assign(new Error('late'), { code: 'ETIMEDOUT' }));
  const timer = setTimeout(late, connectMs);
  socket.once('connect', () => resolve(socket));
  socket.once('error', reject);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.off('error', reject);
    socket.on('error', () => undefined);
  });
}

/** The store is reached as the operator itself reaches it, by name and wherever it is. */
async function lineTo(target: TunnelTarget, { kind }: Grant, deps: DialDeps): Promise<Line | Refused> {
  const { host, port } = target;
  if (kind === 'store') {
    const { storeLookup } = deps;
    return { host: hostText(host), port, ...(storeLookup && { lookup: storeLookup }) };
  }
  const addresses = await checkedAddresses(target, deps);
  // An address would not be asked for; this name is never asked of anybody.
  return isRefused(addresses) ? addresses : { host: 'checked.invalid', port, lookup: lookupOf(addresses) };
}

/** Opens the other end. */
export async function dial(target: TunnelTarget, grant: Grant, deps: DialDeps): Promise<Socket | Refused> {
  const line = await lineTo(target, grant, deps);
  if (isRefused(line)) return line;
  try {
    return await connected(line, deps.connectMs);
  } catch (error) {
    return unreachable(`${authorityOf(target)} did not answer`, error);
  }
}

/** Pure: what a phase of a Trial may reach, and which hosts a list of hosts means. Broker, courier, operator and checks ask the same. */
import { addressOf, isInRange, rangeOf } from './addresses.ts';
import type { Address } from './addresses.ts';

/** What a step consists of, as far as networks go. Entrypoint, healthcheck and the agent's setup belong to `environment`; hooks and artifacts to `agent`. */
export const NETWORK_PHASES = ['environment', 'agent', 'verifier'] as const;
export type NetworkPhase = (typeof NETWORK_PHASES)[number];

/** What one phase may reach. */
export interface PhaseNetwork {
  mode: 'Public' | 'None' | 'Allowlist';
  /** Of an Allowlist, each an entry that `problemOfAllowedHost` finds nothing wrong with; empty denies all. */
  hosts: string[];
}

/** Whom somebody wants to reach. Names are in lower case, without the dot of the root. */
export type Host = { kind: 'name'; name: string } | { kind: 'address'; address: Address };

const NAME_MAX = 253;
/** Labels with underscores exist, though no host should have one. */
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
/** What some resolvers read as an IPv4 address: `2130706433`, `0177.1`, `127.0x1`. No top-level domain is a number. */
const ENDS_IN_NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

/** Letters of ASCII alone: the Kelvin sign, too, is a k in lower case. */
const withoutRoot = (text: string): string =>
  text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase()).replace(/\.$/, '');

/**
 * A host name or an address without port or brackets. Undefined for what is neither in a plain form: other scripts than ASCII (their `xn--` form
 * is plain), percent signs, IPv4 in octal, hexadecimal or with parts left out, IPv6 with a zone. Whoever read one of those
 * otherwise than we do would reach another host than the one that was checked.
 */
export function hostOf(text: string): Host | undefined {
  const plain = withoutRoot(text);
  const address = addressOf(plain);
  if (address) return { kind: 'address', address };
  const isName = plain.length <= NAME_MAX && NAME.test(plain) && !ENDS_IN_NUMBER.test(plain);
  return isName ? { kind: 'name', name: plain } : undefined;
}

/** The host as text, for connecting and for messages. */
export const hostText = (host: Host): string => (host.kind === 'name' ? host.name : host.address.text);

const FORMS = 'a host, *.host, an IP address or a range such as 192.0.2.0/24, without scheme, port or path';

/** Why an entry of a list of hosts is none, in words that follow the name of its field; undefined for a good one. As in Harbor, case and a closing dot do not matter. */
export function problemOfAllowedHost(entry: string): string | undefined {
  const plain = withoutRoot(entry.trim());
  if (isRange(plain) || isHostEntry(plain)) return undefined;
  return `is ${JSON.stringify(entry.slice(0, NAME_MAX))}; expected ${isUnaligned(plain) ? FIRST : FORMS}`;
}

const FIRST = 'the first address of the range before its /, as in 192.0.2.0/24';

const isRange = (entry: string): boolean => rangeOf(entry) !== undefined;

/** Whether it would be a range if it began with its first address. */
function isUnaligned(entry: string): boolean {
  const slash = entry.indexOf('/');
  const from = addressOf(entry.slice(0, slash));
  return from !== undefined && isRange((from.family === 4 ? '0.0.0.0' : '::') + entry.slice(slash));
}

function isHostEntry(entry: string): boolean {
  const host = hostOf(entry.replace(/^\*\./, ''));
  return host?.kind === 'name' && !host.name.includes('_') && withoutRoot(entry) === entry;
}

/** Whether an entry means `host`: names mean names (`*.` all below one, not itself), addresses and ranges mean addresses. An entry that is none means nobody. */
function isMeant(entry: string, host: Host): boolean {
  const plain = withoutRoot(entry.trim());
  if (problemOfAllowedHost(plain) !== undefined) return false;
  if (host.kind === 'name')
    return plain.startsWith('*.') ? host.name.endsWith(plain.slice(1)) : plain === host.name;
  const range = rangeOf(plain);
  return range !== undefined && isInRange(host.address, range);
}

/** Whether a phase may reach `host`, which was written in any way. What is no plain host is reached by no phase. */
export function mayReach({ mode, hosts }: PhaseNetwork, written: string): boolean {
  const host = hostOf(written);
  if (!host || mode === 'None') return false;
  return mode === 'Public' || hosts.some((entry) => isMeant(entry, host));
}

/** Pure: which addresses Trials may be led to. The tunnel and the NetworkPolicies ask the same. */
import { isInRange, overlap, rangeOf, v4Address } from './addresses.ts';
import type { Address, Range } from './addresses.ts';

/** An exception of an installation (`SB_EGRESS_ALLOWED`). */
export interface EgressRule {
  /** From its first address, always with a prefix, as in `10.0.5.0/24` or `fd00:5::/64`. */
  cidr: string;
  /** Missing: all ports. */
  port?: number;
}

/** Where an address leads to this machine, to this link or to a cloud's metadata. No installation can allow it. */
export const NEVER_REACHED = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  // Multicast, reserved, broadcast.
  '224.0.0.0/3',
  // Azure's metadata.
  '168.63.129.16/32',
  '::/127',
  'fe80::/10',
  'ff00::/8',
  // Metadata of AWS, Google and Oracle.
  'fd00:ec2::/32',
  'fd20:ce::/64',
  'fd00:c1::/32',
] as const;

/**
 * Other addresses that are nobody's on the internet (IANA's registries of special-purpose addresses): reached only where the installation allows it.
 * IPv4's ranges for documentation are not among them: nothing of a cluster is there, and some sites give them to their mirrors.
 */
export const PRIVATE = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  // All but 2000::/3.
  '::/3',
  '4000::/2',
  '8000::/1',
  // Teredo and others that lead elsewhere, documentation, 6to4.
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
] as const;

const rangesOf = (texts: readonly string[]): Range[] => texts.flatMap((text) => rangeOf(text) ?? []);

const never = rangesOf(NEVER_REACHED);
const special = [...never, ...rangesOf(PRIVATE)];
/** RFC 6052: the IPv4 address is in the last 32 bits. */
const NAT64 = rangesOf(['64:ff9b::/96']);

const isIn = (address: Address, ranges: readonly Range[]): boolean =>
  ranges.some((range) => isInRange(address, range));

/** What a gateway would make of it. */
const translated = (address: Address): Address =>
  isIn(address, NAT64) ? v4Address(address.value & 0xffff_ffffn) : address;

/** Whether an address is somebody's on the internet, by whatever gateway it is reached. */
export const isPublic = (address: Address): boolean => !isIn(translated(address), special);

export interface Egress {
  /** Beside what is public. */
  allowed: readonly EgressRule[];
  /** Addresses of the cluster itself, which may be public ones. */
  refused: readonly string[];
}

/** Whether a connection may go there: to a public address that is not the cluster's, or where the installation allows it. */
export function mayConnect(written: Address, port: number, { allowed, refused }: Egress): boolean {
  const address = translated(written);
  const isAllowed = (rule: EgressRule): boolean =>
    (rule.port === undefined || rule.port === port) && isIn(address, rangesOf([rule.cidr]));
  return allowed.some(isAllowed) || (isPublic(address) && !isIn(address, rangesOf(refused)));
}

const PORT_MAX = 65_535;
const WITH_PORT = /^(\[[^\]]+\]|[^:]+):([1-9]\d{0,4})$/;

function portApart(entry: string): { written: string; port?: number } {
  const [, written, port] = WITH_PORT.exec(entry) ?? [];
  return written === undefined
    ? { written: entry }
    : { written: written.replaceAll(/[[\]]/g, ''), port: Number(port) };
}

/** NetworkPolicies know no IPv4 in the form of IPv6. */
const plainRange = (written: string): Range | undefined => {
  const range = rangeOf(written);
  return range?.family === 4 && written.includes(':') ? undefined : range;
};

const FORMS = 'a range from its first address, such as 10.0.5.0/24, 10.0.5.7/32:443 or [fd00:5::/64]:443';

/** Reads an exception: a range or an address, with a port if need be, IPv6 then in brackets. A text is what is wrong, in words that follow the entry. */
export function egressRuleOf(entry: string): EgressRule | string {
  const { written, port } = portApart(entry);
  const range = plainRange(written);
  if (!range || (port !== undefined && port > PORT_MAX)) return `is not ${FORMS}`;
  const forbidden = NEVER_REACHED.find((text) => rangesOf([text]).some((other) => overlap(range, other)));
  if (forbidden !== undefined) return `holds addresses of ${forbidden}, which no Trial may reach`;
  const cidr = written.includes('/') ? written : `${written}/${range.bits}`;
  return { cidr: cidr.toLowerCase(), ...(port !== undefined && { port }) };
}

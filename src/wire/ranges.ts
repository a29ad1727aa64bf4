/** Pure: the addresses that are not the internet. What policies close to Pods and what the broker connects to rest on this one list. */
import { BlockList } from 'node:net';

/** IPv4: this network, private, shared (RFC 6598), loopback, link-local with clouds' metadata, protocol assignments, benchmarks, multicast, reserved. */
const V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** IPv6: unspecified and loopback, IPv4 in other notations, local NAT64, unique local with AWS's metadata, link-local, site-local, multicast. */
const V6 = [
  '::/96',
  '::ffff:0:0/96',
  '64:ff9b:1::/48',
  '2001::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

/** A gateway from IPv6 to all of IPv4 (RFC 6052): what is closed there is closed here, and the rest is the internet of a cluster without IPv4. */
const NAT64_BITS = 96;
const throughNat64 = (range: string): string => {
  const [address = '', bits] = range.split('/');
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const [high, low] = [(a << 8) | b, (c << 8) | d].map((part) => part.toString(16));
  return `64:ff9b::${high === '0' ? '' : `${high}:${low}`}/${NAT64_BITS + Number(bits)}`;
};

/** As CIDRs, by the family that they are in. */
export const NOT_INTERNET = { ipv4: V4, ipv6: [...V6, ...V4.map(throughNat64)] } as const;
export type Family = keyof typeof NOT_INTERNET;

/** Of an IP address, or of a CIDR. */
export const familyOf = (address: string): Family => (address.includes(':') ? 'ipv6' : 'ipv4');

function blocked(family: Family): BlockList {
  const list = new BlockList();
  for (const range of NOT_INTERNET[family]) {
    const [address = '', bits] = range.split('/');
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

// Apart: in one list the IPv6 notation of IPv4 would be all of IPv4.
const BLOCKED = { ipv4: blocked('ipv4'), ipv6: blocked('ipv6') };

/** Whether an IP address (no name) is of the internet. */
export const isInternet = (address: string): boolean => {
  const family = familyOf(address);
  return !BLOCKED[family].check(address, family);
};

/** Pure: IP addresses and ranges as numbers. Only their plain forms count: dotted decimal in full for IPv4, no zone for IPv6. */
import { isIP } from 'node:net';

export interface Address {
  /** 4 for an IPv4-mapped IPv6 address too: it leads to the same host. */
  family: 4 | 6;
  value: bigint;
  /** As it was written, in lower case; without the prefix where it was IPv4-mapped. Good for connecting. */
  text: string;
}

export interface Range {
  family: 4 | 6;
  /** The lowest address. */
  first: bigint;
  /** Length of the prefix. */
  bits: number;
}

const BITS = { 4: 32, 6: 128 } as const;
/** `::ffff:0:0/96`. */
const MAPPED = 0xffffn;
const LOW_32 = 0xffff_ffffn;

const v4Value = (text: string): bigint =>
  text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);

const v4Text = (value: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');

/** The 16-bit groups of one side of `::`; an IPv4 address at the end is two of them. */
function groupsOf(side: string): bigint[] {
  if (side === '') return [];
  return side.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const value = v4Value(group);
    return [value >> 16n, value & 0xffffn];
  });
}

function v6Value(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const [left, right] = [groupsOf(head), groupsOf(tail ?? '')];
  const zeros = Array<bigint>(8 - left.length - right.length).fill(0n);
  return [...left, ...zeros, ...right].reduce((value, group) => (value << 16n) | group, 0n);
}

/** IPv4 without octal, hexadecimal or short forms; IPv6 without brackets and without a zone; undefined for everything else. */
export function addressOf(written: string): Address | undefined {
  const text = written.toLowerCase();
  const family = text.includes('%') ? 0 : isIP(text);
  if (family === 4) return { family: 4, value: v4Value(text), text };
  if (family !== 6) return undefined;
  const value = v6Value(text);
  return value >> 32n === MAPPED ? v4Address(value & LOW_32) : { family: 6, value, text };
}

export const v4Address = (value: bigint): Address => ({ family: 4, value, text: v4Text(value) });

const RANGE = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/;

/** `192.0.2.0/24` and the like, from the first address of the range; an address alone is a range of one. Undefined for everything else. */
export function rangeOf(written: string): Range | undefined {
  const [, text = '', prefix] = RANGE.exec(written) ?? [];
  const address = addressOf(text);
  if (!address) return undefined;
  const { family, value: first } = address;
  if (prefix === undefined) return { family, first, bits: BITS[family] };
  // The prefix of an IPv4-mapped address counts from the beginning of the IPv6 address.
  const bits = Number(prefix) - (family === 4 && text.includes(':') ? 96 : 0);
  if (bits < 0 || bits > BITS[family]) return undefined;
  const range = { family, first, bits };
  return (first & hostMask(range)) === 0n ? range : undefined;
}

const hostMask = ({ family, bits }: Range): bigint => (1n << BigInt(BITS[family] - bits)) - 1n;

const isWithin = (value: bigint, range: Range): boolean => (value & ~hostMask(range)) === range.first;

export const isInRange = ({ family, value }: Address, range: Range): boolean =>
  family === range.family && isWithin(value, range);

/** Whether the two have an address in common. */
export function overlap(one: Range, other: Range): boolean {
  if (one.family !== other.family) return false;
  const [wider, narrower] = one.bits <= other.bits ? [one, other] : [other, one];
  return isWithin(narrower.first, wider);
}

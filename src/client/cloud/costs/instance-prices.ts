/** What instances cost on demand, as data: list prices of `PRICED_REGION` for Linux. What is not in it has no price here. */
import type { Price } from './prices.ts';

/** From the price list that AWS publishes, as Karpenter had it on 2026-01-19. */
const SEEN = { page: 'https://aws.amazon.com/ec2/pricing/', seen: '2026-01', per: 'hour' } as const;

/** US dollars an hour of an `xlarge`, by family: those of the categories c, m and r of a generation above the fourth, which the NodePool takes. Other sizes cost in proportion. */
const XLARGE: Readonly<Record<string, number>> = {
  c5: 0.17,
  c5a: 0.154,
  c5ad: 0.172,
  c5d: 0.192,
  c5n: 0.216,
  c6a: 0.153,
  c6g: 0.136,
  c6gd: 0.1536,
  c6gn: 0.1728,
  c6i: 0.17,
  c6id: 0.2016,
  c6in: 0.2268,
  c7a: 0.20528,
  c7g: 0.145,
  c7gd: 0.1814,
  c7gn: 0.2496,
  'c7i-flex': 0.16958,
  c7i: 0.1785,
  c8a: 0.21554,
  c8g: 0.15952,
  c8gb: 0.237,
  c8gd: 0.19596,
  c8gn: 0.237,
  'c8i-flex': 0.17804,
  c8i: 0.18742,
  m5: 0.192,
  m5a: 0.172,
  m5ad: 0.206,
  m5d: 0.226,
  m5dn: 0.272,
  m5n: 0.238,
  m5zn: 0.3303,
  m6a: 0.1728,
  m6g: 0.154,
  m6gd: 0.1808,
  m6i: 0.192,
  m6id: 0.2373,
  m6idn: 0.31824,
  m6in: 0.27846,
  m7a: 0.23184,
  m7g: 0.1632,
  m7gd: 0.2136,
  'm7i-flex': 0.19152,
  m7i: 0.2016,
  m8a: 0.24344,
  m8g: 0.17952,
  m8gb: 0.291,
  m8gd: 0.23064,
  m8gn: 0.291,
  'm8i-flex': 0.2011,
  m8i: 0.21168,
  r5: 0.252,
  r5a: 0.226,
  r5ad: 0.262,
  r5b: 0.298,
  r5d: 0.288,
  r5dn: 0.334,
  r5n: 0.298,
  r6a: 0.2268,
  r6g: 0.2016,
  r6gd: 0.2304,
  r6i: 0.252,
  r6id: 0.3024,
  r6idn: 0.39078,
  r6in: 0.34866,
  r7a: 0.3043,
  r7g: 0.2142,
  r7gd: 0.2722,
  r7i: 0.2646,
  r7iz: 0.372,
  r8a: 0.31952,
  r8g: 0.23564,
  r8gb: 0.36436,
  r8gd: 0.29392,
  r8gn: 0.3644,
  'r8i-flex': 0.26394,
  r8i: 0.27784,
};

/** Those with GPUs, whose sizes differ in more than size. */
const WHOLE: Readonly<Record<string, number>> = {
  'g4dn.xlarge': 0.526,
  'g4dn.2xlarge': 0.752,
  'g4dn.4xlarge': 1.204,
  'g4dn.8xlarge': 2.176,
  'g4dn.12xlarge': 3.912,
  'g4dn.16xlarge': 4.352,
  'g5.xlarge': 1.006,
  'g5.2xlarge': 1.212,
  'g5.4xlarge': 1.624,
  'g5.8xlarge': 2.448,
  'g5.12xlarge': 5.672,
  'g5.16xlarge': 4.096,
  'g5.24xlarge': 8.144,
  'g5.48xlarge': 16.288,
  'g6.xlarge': 0.8048,
  'g6.2xlarge': 0.9776,
  'g6.4xlarge': 1.3232,
  'g6.8xlarge': 2.0144,
  'g6.12xlarge': 4.6016,
  'g6.16xlarge': 3.3968,
  'g6.24xlarge': 6.6752,
  'g6.48xlarge': 13.3504,
  'g6e.xlarge': 1.861,
  'g6e.2xlarge': 2.24208,
  'g6e.4xlarge': 3.00424,
  'g6e.8xlarge': 4.52856,
  'g6e.12xlarge': 10.49264,
  'g6e.16xlarge': 7.57719,
  'g6e.24xlarge': 15.06559,
  'g6e.48xlarge': 30.13118,
};

/** How many of an `xlarge` a size is; a machine without hypervisor (`metal`) is none of these. */
const SIZE = /^(medium|large|([1-9]\d?)?xlarge)$/;
const SMALL: Readonly<Record<string, number>> = { medium: 0.25, large: 0.5 };

/** Of a type such as `m7i.2xlarge`; undefined where it is not known. */
export function instancePrice(type: string): Price | undefined {
  const usd = own(WHOLE, type) ?? inProportion(type);
  return usd === undefined ? undefined : { ...SEEN, usd };
}

function inProportion(type: string): number | undefined {
  const [family = '', size = '', ...more] = type.split('.');
  const [, word = '', times] = SIZE.exec(size) ?? [];
  const xlarge = own(XLARGE, family);
  if (xlarge === undefined || word === '' || more.length > 0) return undefined;
  return xlarge * (own(SMALL, word) ?? Number(times ?? 1));
}

/** Types are labels of nodes: names such as `constructor` are no prices. */
const own = (prices: Readonly<Record<string, number>>, name: string): number | undefined =>
  Object.hasOwn(prices, name) ? prices[name] : undefined;

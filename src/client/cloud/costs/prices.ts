/** What AWS asks, as data. Where a price differs from AWS's page, the page is right: other regions, contracts and free tiers do. */

/** A list price. */
export interface Price {
  /** US dollars. */
  usd: number;
  per: 'hour' | 'minute' | 'GB' | 'GB and month';
  /** Where AWS says it, and when it was last seen quoted from there. */
  page: string;
  seen: string;
}

/** The region that these are for. */
export const PRICED_REGION = 'us-east-1';

/** An average month. */
export const HOURS_A_MONTH = 730;

const price = (usd: number, per: Price['per'], [service, seen]: readonly [string, string]): Price => ({
  usd,
  per,
  page: `https://aws.amazon.com/${service}/pricing/`,
  seen,
});

/** Auto Mode adds about this share to the price of an instance (seen 2026-06). */
export const AUTO_MODE_SHARE = 0.12;

export const PRICES = {
  /** With standard support; six times as much without. */
  controlPlane: price(0.1, 'hour', ['eks', '2026-06']),
  natGateway: price(0.045, 'hour', ['vpc', '2026-05']),
  natTraffic: price(0.045, 'GB', ['vpc', '2026-05']),
  publicAddress: price(0.005, 'hour', ['vpc', '2026-02']),
  objects: price(0.023, 'GB and month', ['s3', '2026-03']),
  images: price(0.1, 'GB and month', ['ecr', '2026-06']),
  /** `BUILD_GENERAL1_MEDIUM`. */
  build: price(0.01, 'minute', ['codebuild', '2026-03']),
  logs: price(0.5, 'GB', ['cloudwatch', '2026-06']),
} as const satisfies Record<string, Price>;

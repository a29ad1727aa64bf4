/** Cost Explorer: what AWS charges for what carries the cost tag. There is one endpoint in each partition, and each page of an answer costs a cent. */
import {
  CostExplorerClient,
  GetCostAndUsageCommand,
  type CostExplorerClientConfig,
  type GetCostAndUsageCommandInput,
  type Group,
  type MetricValue,
} from '@aws-sdk/client-cost-explorer';
import { COST_TAG } from '../../crds/namespace-rules.ts';
import { dayOf, monthOf } from '../../text/calendar.ts';
import { awsError } from '../aws/errors.ts';
import { httpWithin } from '../aws/http.ts';
import { STACK_TAG } from '../aws/partition.ts';
import { ProviderError, type ProviderReason } from '../errors.ts';
import type { Bill, Costs } from './port.ts';

export interface CostExplorerPlace {
  /** Of the installation: it says in which partition the endpoint is. */
  region: string;
  /** `SB_STACK`: what another installation of the account costs is not asked for. */
  stack: string;
  /** Base URL of a server that is not AWS; default: the SDK’s own search, `AWS_ENDPOINT_URL_COST_EXPLORER` among it. */
  endpoint?: string;
  /** Default: the SDK’s own search (environment, IRSA, Pod Identity, instance role). */
  credentials?: NonNullable<CostExplorerClientConfig['credentials']>;
}

const TIMEOUT_MS = 30_000;
const PAGES_MAX = 10;
const CALL = `ask Cost Explorer what carries the tag ${COST_TAG}`;
const MICROS = 1_000_000;
/** What was used, with discounts where they belong, and no month that pays for the others. */
const METRIC = 'AmortizedCost';
/** A voucher makes nothing cheaper that somebody uses. */
const GIVEN = ['Credit', 'Refund'];

const REASONS: Record<string, ProviderReason> = {
  LimitExceededException: 'Throttled',
  // The account has no data, or not yet: another call would cost as much and say the same.
  DataUnavailableException: 'NotFound',
};

class CostExplorer implements Costs {
  readonly #client: CostExplorerClient;
  readonly #stack: string;

  constructor({ stack, ...place }: CostExplorerPlace) {
    this.#stack = stack;
    // One attempt a call: retries are a decorator’s.
    this.#client = new CostExplorerClient({
      ...place,
      maxAttempts: 1,
      requestHandler: httpWithin(TIMEOUT_MS),
    });
  }

  async ofMonth(now: Date): Promise<Bill> {
    const until = dayOf(now.getTime());
    const begin = `${monthOf(now.getTime())}-01`;
    // AWS refuses a time without a day in it.
    if (until === begin) return { until, byTag: new Map() };
    try {
      return { until, byTag: sumsOf(await this.#groups({ Start: begin, End: until })) };
    } catch (error) {
      throw awsError({ call: CALL, needs: 'ce:GetCostAndUsage', reasons: REASONS }, error);
    }
  }

  async #groups(TimePeriod: { Start: string; End: string }): Promise<Group[]> {
    const asked: GetCostAndUsageCommandInput = {
      TimePeriod,
      Granularity: 'MONTHLY',
      Metrics: [METRIC],
      Filter: {
        And: [
          { Tags: { Key: STACK_TAG, Values: [this.#stack] } },
          { Not: { Dimensions: { Key: 'RECORD_TYPE', Values: GIVEN } } },
        ],
      },
      GroupBy: [{ Type: 'TAG', Key: COST_TAG }],
    };
    const groups: Group[] = [];
    let token: string | undefined;
    for (let page = 0; page < PAGES_MAX; page++) {
      const next = { ...asked, ...(token !== undefined && { NextPageToken: token }) };
      const answer = await this.#client.send(new GetCostAndUsageCommand(next));
      groups.push(...(answer.ResultsByTime ?? []).flatMap(({ Groups = [] }) => Groups));
      token = answer.NextPageToken;
      if (token === undefined) return groups;
    }
    throw new ProviderError('TooLarge', `${CALL}: the answer has more than ${PAGES_MAX} pages`);
  }
}

/** AWS calls a value `<tag>$<value>`; what is not tagged has an empty one. */
const OF_TAG = `${COST_TAG}$`;

function sumsOf(groups: readonly Group[]): Map<string, number> {
  const byTag = new Map<string, number>();
  for (const { Keys: [key = ''] = [], Metrics = {} } of groups) {
    const tag = key.startsWith(OF_TAG) ? key.slice(OF_TAG.length) : '';
    if (tag !== '') byTag.set(tag, (byTag.get(tag) ?? 0) + microsOf(tag, Metrics[METRIC]));
  }
  return byTag;
}

function microsOf(tag: string, { Amount, Unit }: MetricValue = {}): number {
  const dollars = Number(Amount || NaN);
  if (!Number.isFinite(dollars))
    throw new ProviderError('Invalid', `${CALL}: the amount for ${tag} is ${Amount}, which is no number`);
  // Nothing is nothing in every currency; AWS may then name none.
  if (dollars !== 0 && Unit !== 'USD')
    throw new ProviderError(
      'Invalid',
      `${CALL}: the amount for ${tag} is in ${Unit}, and budgets are in USD`,
    );
  return Math.round(dollars * MICROS);
}

export const costExplorer = (place: CostExplorerPlace): Costs => new CostExplorer(place);

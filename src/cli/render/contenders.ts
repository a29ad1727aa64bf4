/** Agents and models of a run beside each other: what they came to, and what it took. */
import { costPerPassed, type ContenderSummary } from '../../client/runs/follow/contenders.ts';
import type { RunSummary } from '../../client/runs/follow/summary.ts';
import type { UsageFields } from '../../results/usage.ts';
import { dollars, figure, grouped } from '../../text/figures.ts';
import { safeLine } from '../../text/safe.ts';
import { table, type Column } from './output.ts';

type Contenders = Pick<RunSummary, 'contenders' | 'passAtK'>;

/**
 * Lines without their ends: a table of agents and models where there are several, or what they used is known; else what pass@k there is. Made
 * safe here.
 */
export function contenderLines({ contenders, passAtK }: Contenders): string[] {
  if (contenders.length < 2 && !contenders.some(({ usage }) => usage))
    return Object.entries(passAtK).map(([key, values]) => safeLine(`${key}: ${triesOf(values).join(', ')}`));
  const columns = columnsFor(passAtK).filter(({ value }) =>
    contenders.some((one) => value(one) !== undefined),
  );
  return table(contenders, columns).trimEnd().split('\n');
}

const triesOf = (values: Record<string, number>): string[] =>
  Object.entries(values).map(([k, value]) => `pass@${k} ${figure(value)}`);

function columnsFor(passAtK: Contenders['passAtK']): Column<ContenderSummary>[] {
  const ks = [...new Set(Object.values(passAtK).flatMap(Object.keys))].sort((a, b) => Number(a) - Number(b));
  const right = (header: string, value: Column<ContenderSummary>['value']): Column<ContenderSummary> => ({
    header,
    value,
    align: 'right',
  });
  const tokens =
    (field: 'n_input_tokens' | 'n_cache_tokens' | 'n_output_tokens') => (one: ContenderSummary) =>
      count(one.usage?.[field]);
  return [
    { header: 'agent', value: ({ agent }) => agent },
    { header: 'model', value: ({ model }) => model },
    right('ended', ({ ended }) => ended),
    right('solved', ({ passed }) => passed),
    right('mean', ({ mean }) => figure(mean)),
    ...ks.map((k) => right(`pass@${k}`, (one) => figureOr(passAtK[one.eval]?.[k]))),
    right('tokens in', tokens('n_input_tokens')),
    right('cached', tokens('n_cache_tokens')),
    right('out', tokens('n_output_tokens')),
    right('cost', costOf),
    right('per solved', (one) => priceOf(costPerPassed(one))),
  ];
}

const figureOr = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : figure(value);

const priceOf = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : dollars(value);

const count = (tokens: number | null | undefined): string | undefined =>
  tokens === null || tokens === undefined ? undefined : grouped(tokens);

/** At least so much, where the cost of some is not known. */
function costOf({ usage, priced, ended }: ContenderSummary): string | undefined {
  if (!usage || usage.cost_usd === null) return undefined;
  return `${priced < ended ? '≥' : ''}${dollars(usage.cost_usd)}`;
}

/** `1,234 in (1,000 cached), 56 out, $0.12`; `–` for what is not known. */
export function usageText(used: UsageFields): string {
  const { n_input_tokens, n_cache_tokens, n_output_tokens, cost_usd } = used;
  const cached = count(n_cache_tokens);
  return [
    `${count(n_input_tokens) ?? '–'} in${cached === undefined ? '' : ` (${cached} cached)`}`,
    `${count(n_output_tokens) ?? '–'} out`,
    cost_usd === null ? 'cost –' : dollars(cost_usd),
  ].join(', ');
}

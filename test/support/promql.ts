/** The metrics that a PromQL expression names, and whether the operator has them. What parses is promtool's to say. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { METRICS } from '../../src/metrics/table.ts';

const nodes = new Registry();
collectDefaultMetrics({ register: nodes });

/** Prometheus makes it itself, of each target. */
const PROMETHEUS = ['up'];

const KEYWORDS = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'or',
  'and',
  'unless',
  'bool',
  'offset',
]);

/** Names of metrics in the expression, as they are asked for. */
export function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/"[^"]*"/g, '""')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replace(/\{[^}]*\}/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ');
  const words = [...bare.matchAll(/(?<![\w$.])[a-zA-Z_:][\w:]*(?!\w)(?!\s*\()/g)].map(([word]) => word);
  return [...new Set(words.filter((word) => !KEYWORDS.has(word)))];
}

/** Every name under which /metrics can have something: histograms have three. */
const known = new Set([
  ...PROMETHEUS,
  ...nodes.getMetricsAsArray().map(({ name }) => name),
  ...Object.entries(METRICS).flatMap(([name, { type }]) =>
    type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name],
  ),
]);

/** Metrics that it names and the operator does not have. */
export const unknownMetrics = (expr: string): string[] => metricsIn(expr).filter((name) => !known.has(name));

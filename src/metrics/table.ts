/** Every metric of the operator but those of Node: what is registered, the reference page, and what alerts and dashboards may name. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Described } from './describe.ts';
import { RUNTIME } from './runtime.ts';
import { SERVICES } from './services.ts';
import { WORK } from './work.ts';

export const METRICS = { ...WORK, ...SERVICES, ...RUNTIME } as const satisfies Record<string, Described>;

type Table = typeof METRICS;
export type MetricName = keyof Table;
type Named<Type extends Described['type']> = {
  [Name in MetricName]: Table[Name]['type'] extends Type ? Name : never;
}[MetricName];
type LabelOf<Name extends MetricName> = Table[Name]['labels'][number];

function described<Name extends MetricName>(registry: Registry, name: Name) {
  const { help, labels } = METRICS[name];
  return { name, help, labelNames: labels as readonly LabelOf<Name>[], registers: [registry] };
}

/** Registers it; once a registry. */
export const counter = <Name extends Named<'counter'>>(
  registry: Registry,
  name: Name,
): Counter<LabelOf<Name>> => new Counter(described(registry, name));

/** The same. `collect` sets its values whenever they are asked for. */
export const gauge = <Name extends Named<'gauge'>>(
  registry: Registry,
  name: Name,
  collect?: (gauge: Gauge<LabelOf<Name>>) => void,
): Gauge<LabelOf<Name>> =>
  new Gauge({
    ...described(registry, name),
    ...(collect && {
      collect(this: Gauge<LabelOf<Name>>) {
        collect(this);
      },
    }),
  });

/** The same. */
export const histogram = <Name extends Named<'histogram'>>(
  registry: Registry,
  name: Name,
): Histogram<LabelOf<Name>> =>
  new Histogram({ ...described(registry, name), buckets: [...METRICS[name].buckets] });

/** A list as a table of printer columns, as `kubectl get` asks for it. */
import { definitions } from '../../../src/crds/kinds.ts';
import type { ListItem } from './list.ts';

const columnsOf = (plural: string) =>
  definitions.find(({ spec }) => spec.names.plural === plural)?.spec.versions[0]?.additionalPrinterColumns ??
  [];

/** As much of JSONPath as our columns have: fields, the last item, the item of a type. */
function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const [, field, last, type] of path.matchAll(/\.(\w+)|\[(-1:)\]|\[\?\(@\.type=="(\w+)"\)\]/g)) {
    if (field !== undefined) value = (value as Record<string, unknown> | undefined)?.[field];
    else if (last !== undefined) value = (value as unknown[] | undefined)?.at(-1);
    else value = (value as { type: string }[] | undefined)?.find((item) => item.type === type);
  }
  return value ?? null;
}

/** `10m`; the real one tells more of what is young. */
const age = (created: unknown): string =>
  `${Math.round((Date.now() - Date.parse(String(created))) / 60_000)}m`;

export function tableOf(plural: string, items: readonly ListItem[]): object {
  const columns = columnsOf(plural);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    columnDefinitions: [{ name: 'Name' }, ...columns.map(({ name }) => ({ name }))],
    rows: items.map((item) => ({
      cells: [
        item.metadata.name,
        ...columns.map(({ type, jsonPath }) => {
          const value = valueAt(item, jsonPath);
          return type === 'date' ? age(value) : value;
        }),
      ],
    })),
  };
}

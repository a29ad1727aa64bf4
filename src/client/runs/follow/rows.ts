/** Trials as the API server's table has them (columns: crds/definition.ts). It makes that of ten thousand in half a second, where their objects take it four. */
import type { Condition } from '../../../crds/conditions.ts';
import { Trial as TrialKind } from '../../../crds/kinds.ts';
import { present } from '../../../crds/present.ts';
import { TRIAL_DONE, TRIAL_FAILED } from '../../../crds/reasons.ts';
import type { Trial } from '../../../crds/trial.ts';
import { collectionPath, queryString } from '../../../kube/http/paths.ts';
import type { Transport } from '../../../kube/http/transport.ts';
import { lineOf, type TrialLine } from './line.ts';

/** By the name of the column; null where a Trial has nothing there. */
type TrialRow = Readonly<Record<string, string | number | null>>;

interface RowsOptions {
  transport: Transport;
  namespace: string;
  labelSelector?: string;
  /** `0`: out of the API server's cache, which may be a moment behind. Default: as things are now. */
  resourceVersion?: '0';
  signal?: AbortSignal;
}

const TABLE = 'application/json;as=Table;g=meta.k8s.io;v=v1';

/** All Trials that the selector fits. */
export async function trialRows(options: RowsOptions): Promise<TrialRow[]> {
  const { transport, namespace, labelSelector, resourceVersion, signal } = options;
  const query = queryString({ labelSelector, resourceVersion, includeObject: 'None' });
  const path = collectionPath(TrialKind, namespace) + query;
  const text = await transport.send({ method: 'GET', path, accept: TABLE, signal });
  const { columnDefinitions, rows } = JSON.parse(text) as {
    columnDefinitions: { name: string }[];
    rows: { cells: TrialRow[string][] }[] | null;
  };
  const names = columnDefinitions.map(({ name }) => name);
  return (rows ?? []).map(({ cells }) =>
    Object.fromEntries(names.map((name, at) => [name, cells[at] ?? null])),
  );
}

const SECONDS: Record<string, number> = { y: 31_536_000, d: 86_400, h: 3600, m: 60, s: 1 };

/** `2d5h`, `10m`, as Kubernetes says how old something is, in milliseconds. */
export const ageMs = (text: string): number =>
  [...text.matchAll(/(\d+)([ydhms])/g)].reduce(
    (sum, [, count, unit = '']) => sum + Number(count) * (SECONDS[unit] ?? 0) * 1000,
    0,
  );

const statusOf = (reason: string): Condition['status'] => {
  if (Object.hasOwn(TRIAL_DONE, reason)) return 'True';
  return Object.hasOwn(TRIAL_FAILED, reason) ? 'False' : 'Unknown';
};

/** What is known of a Trial by its row: no message, no rewards but the first, times to what its age tells. */
export function lineOfRow(row: TrialRow, { namespace, now }: { namespace: string; now: Date }): TrialLine {
  const text = (column: string): string => String(row[column] ?? '');
  const number = (column: string): number | undefined =>
    row[column] == null ? undefined : Number(row[column]);
  const reason = text('Reason');
  const created = new Date(now.getTime() - ageMs(text('Age'))).toISOString();
  const nodeName = text('Node') || undefined;
  return lineOf({
    metadata: { namespace, name: text('Name'), creationTimestamp: created },
    spec: {
      task: { name: text('Task'), dataset: '' },
      agent: { name: text('Agent'), ...present({ model: text('Model') || undefined }) },
    },
    status: {
      conditions: reason === '' ? [] : [conditionOf(reason, created)],
      attempts: Array.from({ length: number('Attempts') ?? 0 }, () => present({ nodeName })),
      ...present({ reward: number('Reward') }),
    },
  } as Trial);
}

const conditionOf = (reason: string, lastTransitionTime: string): Condition => ({
  type: 'Succeeded',
  status: statusOf(reason),
  reason,
  message: '',
  lastTransitionTime,
});

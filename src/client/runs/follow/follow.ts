import { Trial as TrialKind } from '../../../crds/kinds.ts';
import { LABEL } from '../../../crds/names.ts';
import type { Trial } from '../../../crds/trial.ts';
import type { Change } from '../../../kube/cache/cache.ts';
import { Caches } from '../../../kube/cache/caches.ts';
import type { Kube } from '../../../kube/connect.ts';
import { collectionPath, queryString } from '../../../kube/http/paths.ts';
import type { Log } from '../../../kube/types.ts';
import { persistently } from '../../session/persistent.ts';
import { lineOf, type TrialLine } from './line.ts';
import type { RunView } from './view.ts';
import type { Condition } from '../../../crds/conditions.ts';
import { present } from '../../../crds/present.ts';
import { TRIAL_DONE, TRIAL_FAILED } from '../../../crds/reasons.ts';
import type { Transport } from '../../../kube/http/transport.ts';

/** A change that says something new: the Trial, its line, and its line before; that is undefined for the first sight of it. */
export interface TrialNews {
  trial: Trial;
  line: TrialLine;
  before?: TrialLine;
}

interface FollowOptions {
  kube: Kube;
  namespace: string;
  run: string;
  view: RunView;
  /** Told of everything new, the Trials that were there at the beginning included. */
  onNews?: (news: TrialNews) => void;
  /** Told when the API server stops answering, and when it answers again. */
  onConnection?: (state: { connected: boolean; reason?: string }) => void;
  /** Shows in the view what the API server's table tells, until the Trials themselves are there. */
  preview?: boolean;
  /** Ends the following. */
  signal: AbortSignal;
}

interface Following {
  /** Resolves when every Trial that exists is in the view. Rejects with the API server's refusal, or the signal's reason. */
  whenSynced(): Promise<void>;
  /** Resolves when all Trials of the run have ended; rejects as `whenSynced` does. */
  whenOver(): Promise<void>;
}

/** Labels that a user may put on a Trial cannot hold every text; a run's name is one that they can. */
const selectorOf = (run: string): string => `${LABEL.run}=${run}`;

/** Nobody here reads scripts, variables and the builds of others; ten thousand of them fill the memory. */
function slim(trial: Trial): Trial {
  const { agent, environment, ...spec } = trial.spec;
  const { install: _install, run: _run, ...kept } = agent;
  const { env: _env, build: _build, ...around } = environment;
  return { ...trial, spec: { ...spec, agent: kept, environment: around } };
}

/**
 * Follows the Trials of a run through a watch that outlives dropped connections, restarts of the API server and a machine asleep: what
 * happened meanwhile is taken in when the connection is back.
 */
export function followRun(options: FollowOptions): Following {
  const { kube, namespace, run, view, signal } = options;
  const scope = { namespace, labelSelector: selectorOf(run) };
  const stopped = stopOf(signal);
  const over = Promise.withResolvers<void>();
  const connection = connectionOf(options.onConnection);
  const caches = new Caches({ ...kube, log: connection.log });
  const cache = caches.watch(TrialKind, { ...scope, transform: slim });
  const check = (): void => {
    if (cache.synced && view.over) over.resolve();
  };
  cache.subscribe((change) => {
    connection.restored();
    const news = newsOf(view, change);
    if (news) options.onNews?.(news);
    check();
  });
  // A refusal is told at once; the watch itself tries again for ever.
  const first =
    collectionPath(TrialKind, namespace) + queryString({ labelSelector: scope.labelSelector, limit: 1 });
  const onWait = (error: Error): void => connection.log.warn(error, 'no answer');
  const begun = persistently(() => kube.client.raw(first), { ...kube, signal, onWait })
    .then(() => {
      caches.start(signal);
      if (options.preview) void showRows(options, () => cache.synced);
      return caches.whenSynced();
    })
    .then(check)
    .finally(() => view.preview([]));
  // Whoever asks is told; nobody has to.
  for (const promise of [begun, stopped.finally(() => view.preview([]))]) promise.catch(() => {});
  return {
    whenSynced: () => Promise.race([begun, stopped]),
    // The number of Trials to expect may have become smaller since the last change.
    whenOver: () => Promise.race([begun.then(check).then(() => over.promise), stopped]),
  };
}

/** Never rejects: it is no more than a look ahead. */
async function showRows(
  { kube: { transport }, namespace, run, view, signal }: FollowOptions,
  isLate: () => boolean,
): Promise<void> {
  const labelSelector = selectorOf(run);
  const rows = await trialRows({
    transport,
    namespace,
    labelSelector,
    resourceVersion: '0',
    signal,
  }).catch(() => []);
  const now = new Date();
  if (!isLate() && !signal.aborted) view.preview(rows.map((row) => lineOfRow(row, { namespace, now })));
}

const stopOf = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });

function newsOf(view: RunView, { type, object }: Change<Trial>): TrialNews | undefined {
  const taken = view.take({ trial: object, deleted: type === 'deleted' });
  return taken && { trial: object, ...taken };
}

/** Interruptions of the watch that last: it reconnects by itself, and the API server ends each one after some minutes. */
const SAID_AFTER_FAILURES = 2;

/** Hears from the reflector's log when its connection breaks, and from a change that it is back. */
function connectionOf(onConnection: FollowOptions['onConnection']): { log: Log; restored: () => void } {
  let failures = 0;
  const quiet = (): void => {};
  const warn = (fields: object): void => {
    failures += 1;
    const { reason = 'unknown' } = fields as { reason?: string };
    if (failures === SAID_AFTER_FAILURES) onConnection?.({ connected: false, reason });
  };
  const restored = (): void => {
    if (failures >= SAID_AFTER_FAILURES) onConnection?.({ connected: true });
    failures = 0;
  };
  return { log: { debug: quiet, info: quiet, warn, error: warn }, restored };
}

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

/**
 * All Trials that the selector fits, as the API server's table has them (columns: crds/definition.ts). It makes that of ten thousand in half a
 * second, where their objects take it four.
 */
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
      conditions: reason === '' ? [] : [conditionOfRow(reason, created)],
      attempts: Array.from({ length: number('Attempts') ?? 0 }, () => present({ nodeName })),
      ...present({ reward: number('Reward') }),
    },
  } as Trial);
}

const conditionOfRow = (reason: string, lastTransitionTime: string): Condition => ({
  type: 'Succeeded',
  status: statusOf(reason),
  reason,
  message: '',
  lastTransitionTime,
});

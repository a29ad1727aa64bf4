/**
 * The runs controller: what a run leaves behind as a whole, whoever made its Trials. Its keys are runs, not objects. Every pass: observe,
 * decide, act, report; the report is `jobs/<job>/result.json`. The manifest of the index is where a Trial comes to count: everything before
 * it may be done twice, everything after it follows from it. Both are written only over what this process read or wrote itself, so a leader
 * that is none any more changes nothing.
 */
import type { Clock } from '../../async/clock.ts';
import { isFinished } from '../../crds/conditions.ts';
import type { Trial } from '../../crds/trial.ts';
import type { WatchedStore } from '../../kube/cache/cache.ts';
import type { ControlOptions } from '../../kube/operator.ts';
import type { Log, Permission, Reconcile } from '../../kube/types.ts';
import { naiveUtc } from '../../results/job-result.ts';
import {
  isPrecondition,
  storeEntries,
  storeManifest,
  storeResult,
  storeShards,
} from '../../results/write-index.ts';
import { nextAction, pauseMs, type RunAction } from './decide.ts';
import { runKeyOf } from './known.ts';
import { observe, type RunSources } from './observe.ts';
import type { ObservedRun } from './observed.ts';
import { TaskRuns } from './task-runs.ts';

export interface RunDeps extends RunSources {
  log: Pick<Log, 'warn'>;
}

/** What this controller does at the API server. */
export const permissions: Permission[] = [
  { group: 'sb.abundant.ai', resources: ['trials'], verbs: ['get', 'list', 'watch'] },
];

const SOON_MS = 1000;

/** Runs written at the same time; the index of each may have to be read first. */
const WORKERS = 4;
/** Two thousand Trials that end at once are two thousand objects. */
const TIMEOUT_MS = 300_000;

/** The controller and what wakes it: Trials that end, and, of a new leader, all runs. */
export function runsControl({
  clock,
  ...deps
}: Omit<RunDeps, 'taskRuns' | 'monotonic'> & {
  trials: WatchedStore<Trial>;
  clock: Pick<Clock, 'monotonic'>;
}): ControlOptions<Trial> {
  const { trials, known } = deps;
  return {
    name: 'runs',
    store: trials,
    keys: (trial) => [runKeyOf(trial)],
    matters: (before, after) => isFinished(before) !== isFinished(after),
    also: [known.feed(trials)],
    reconcile: runsController({ ...deps, taskRuns: new TaskRuns(), monotonic: () => clock.monotonic() }),
    concurrency: WORKERS,
    reconcileTimeoutMs: TIMEOUT_MS,
  };
}

/** The reconcile function of runs. */
export function runsController(deps: RunDeps): Reconcile {
  return async ({ namespace, name: run }, signal) => {
    const key = { namespace, run };
    const known = deps.known.get(key);
    const early = known ? pauseMs(known, deps.monotonic()) : 0;
    if (early > 0) return { requeueAfterMs: early };
    const seen = await observe(deps, key);
    const action = seen && nextAction(seen);
    if (!seen || !action) return undefined;
    if (action.kind === 'rest') {
      // Of a run that was read just now there may be some.
      await deps.taskRuns.write(deps.artifacts);
      return undefined;
    }
    const pause = pauseMs(seen.stored, deps.monotonic());
    if (pause > 0) return { requeueAfterMs: pause };
    try {
      await act(deps, { seen, action, signal });
      await report(deps, seen, signal);
    } catch (error) {
      if (!isPrecondition(error)) throw error;
      // Somebody else wrote: a leader that was, a lost answer to ourselves, `sb run reindex`.
      deps.known.forget(key);
      return { requeueAfterMs: SOON_MS };
    }
    await deps.taskRuns.write(deps.artifacts);
    // There may be more than was taken in at once.
    return { requeueAfterMs: pauseMs(seen.stored, deps.monotonic()) };
  };
}

interface Pass {
  seen: ObservedRun;
  action: RunAction;
  signal: AbortSignal;
}

async function act(deps: RunDeps, { seen, action, signal }: Pass): Promise<void> {
  switch (action.kind) {
    case 'extend':
      return extend(deps, { seen, action, signal });
    case 'leaveOut': {
      const { key, stored } = seen;
      deps.log.warn({ ...key, records: stored.manifest.records }, 'the index of this run is full');
      await storeEntries(deps.artifacts, action.records, signal);
      deps.known.record(
        key,
        action.records.map(({ uid }) => uid),
      );
      return;
    }
    case 'aggregate':
    case 'rest':
      return;
    default:
      action satisfies never;
  }
}

/** Entries and shards first: what the manifest lists is there. */
async function extend(
  deps: RunDeps,
  { seen: { key, stored }, action, signal }: Pass & { action: RunAction & { kind: 'extend' } },
): Promise<void> {
  const { artifacts, known, taskRuns, monotonic } = deps;
  const { records, manifest, shards, tail } = action;
  const { job, etag } = stored;
  await storeEntries(artifacts, records, signal);
  await storeShards(artifacts, job, shards);
  signal.throwIfAborted();
  stored.etag = await storeManifest(artifacts, job, { manifest, etag });
  // From here on they count, whatever happens.
  Object.assign(stored, { manifest, tail, wroteAtMs: monotonic() });
  for (const record of records) stored.fold.add(record);
  known.keep(key, stored);
  known.record(
    key,
    records.map(({ uid }) => uid),
  );
  taskRuns.add(records);
}

/** The aggregate of all that is in the index, where it is not what is stored. */
async function report(
  { artifacts, now, monotonic }: RunDeps,
  { stored, open }: ObservedRun,
  signal: AbortSignal,
): Promise<void> {
  const { job, fold, result } = stored;
  const total = fold.completed + open.count;
  if (result?.total === total && result.completed === fold.completed) return;
  const aggregate = fold.result({
    run: job,
    total,
    running: open.running,
    startedAt: open.firstCreatedAt,
    now: now(),
    stamp: naiveUtc,
  });
  signal.throwIfAborted();
  const etag = await storeResult(artifacts, job, { result: aggregate, etag: result?.etag });
  stored.result = { etag, total, completed: fold.completed };
  stored.wroteAtMs = monotonic();
}

/** A pool: a Sandbox that runs nothing itself, and keeps Pods ready for others. */
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import { identityOf, LABEL } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import { isAlreadyExists } from '../../kube/errors.ts';
import { Job } from '../../kube/kinds.ts';
import type { ObjectKey, Reconcile, Result } from '../../kube/types.ts';
import { isRefused } from '../attempts/start.ts';
import { afterRefusal, nameConflict, type Action } from './decide.ts';
import { memberFor } from './manifests.ts';
import { observePool, type PoolCount } from './observe.ts';
import type { PoolSeen } from './observed.ts';
import { nextPoolAction, type PoolAction } from './pool.ts';
import { createBuild, deleteSandbox, settingsFor, type SandboxDeps } from './start.ts';
import { poolReportOf, poolStatus } from './status.ts';

/** A pass looks at all of a pool's Pods, and each of them that starts or is taken asks for one: so often at most. */
const PASS_MS = 100;
/**
 * A Job too many would be one Pod too many. Where the cache is behind, the names exist already; but what another leader has made and others have
 * taken and deleted since, only the API server knows.
 */
const COUNT_MS = 10_000;

/** When this process did so last for a pool, in milliseconds since the epoch. */
interface Last {
  uid: string;
  looked: number;
  /** Its Jobs, at the API server. */
  counted: number;
  /** Its status. */
  written: number;
}

/** The reconcile function of pools: with a queue of its own, so that whoever takes a Pod never waits behind those that are being made. */
export function poolController(deps: SandboxDeps): Reconcile {
  const known = new Map<string, Last>();
  const forget = (name: string): void => {
    deps.takings.forget(known.get(name)?.uid ?? '');
    known.delete(name);
  };
  return async (key) => {
    const sandbox = deps.sandboxes.get(key);
    const name = `${key.namespace}/${key.name}`;
    if (!sandbox) forget(name);
    if (!sandbox?.spec.pool || sandbox.metadata.deletionTimestamp !== undefined) return undefined;
    const { uid } = identityOf(sandbox);
    const before = known.get(name);
    const last = before?.uid === uid ? before : { uid, looked: 0, counted: 0, written: 0 };
    const now = deps.now().getTime();
    const since = now - last.looked;
    if (since >= 0 && since < PASS_MS) return { requeueAfterMs: PASS_MS - since };
    known.set(name, last);
    last.looked = now;
    return keepPool(deps, sandbox, last);
  };
}

/** Observe, decide, act, report, of a pool. */
async function keepPool(deps: SandboxDeps, sandbox: Sandbox, last: Last): Promise<Result | undefined> {
  const seen = await observePool(deps, sandbox, countOf(last));
  const done = await actOnPool(deps, seen, nextPoolAction(seen));
  if (done.kind === 'delete') return undefined;
  const status = poolStatus(seen, done);
  const now = deps.now().getTime();
  const { write, againMs } = poolReportOf(seen, { done, status, writtenMs: now - last.written });
  if (write) {
    await deps.kube.replaceStatus(SandboxKind, { ...sandbox, status });
    last.written = now;
  }
  return againMs === undefined ? undefined : { requeueAfterMs: againMs };
}

const countOf = (last: Last): PoolCount => ({
  isDue: Math.abs(last.looked - last.counted) >= COUNT_MS,
  counted: () => void (last.counted = last.looked),
});

async function actOnPool(deps: SandboxDeps, seen: PoolSeen, action: PoolAction): Promise<PoolAction> {
  const { sandbox } = seen;
  if (action.kind === 'delete') {
    await deleteSandbox(deps, sandbox, action);
    return action;
  }
  if ('remove' in action)
    await Promise.all(action.remove.map((job) => deps.kube.delete(Job, keyOf(job), seenAs(job))));
  if (action.kind === 'createBuild') {
    const done = await createBuild(deps, sandbox, action);
    return done.kind === 'wait' ? { ...done, remove: [] } : action;
  }
  return action.kind === 'fill' ? fill(deps, sandbox, action) : action;
}

const keyOf = ({ metadata }: Job): ObjectKey => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name,
});

/** Not one that a Sandbox has taken meanwhile. */
const seenAs = ({ metadata: { uid = '', resourceVersion } }: Job) => ({
  uid,
  propagation: 'Foreground' as const,
  ...present({ resourceVersion }),
});

async function fill(
  deps: SandboxDeps,
  pool: Sandbox,
  action: PoolAction & { kind: 'fill' },
): Promise<PoolAction> {
  const settings = await settingsFor(deps, pool);
  const { image, numbers, users, remove } = action;
  const making = { image, settings, ...present({ users }) };
  const refusals = await Promise.all(
    numbers.map((number) => createMember(deps, pool, memberFor(pool, { ...making, number }))),
  );
  const refused = refusals.find((one) => one !== undefined);
  return refused ? { ...refused, remove } : action;
}

/** Resolves with what keeps it from being made. */
async function createMember(
  deps: SandboxDeps,
  pool: Sandbox,
  job: Job,
): Promise<(Action & { kind: 'wait' }) | undefined> {
  try {
    await deps.budgets.making(job, () => deps.kube.create(Job, job));
    return undefined;
  } catch (error) {
    if (isRefused(error)) return afterRefusal(error.message);
    if (!isAlreadyExists(error)) throw error;
    // Of an earlier try, or taken since: it is counted next time.
    const found = await deps.kube.get(Job, keyOf(job));
    return found && found.metadata.labels?.[LABEL.pool] === undefined
      ? nameConflict(job.metadata.name)
      : undefined;
  }
}

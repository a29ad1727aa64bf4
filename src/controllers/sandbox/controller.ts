/**
 * The Sandbox controller. Every pass: observe, decide, act, report, with one status write at the end; a Job that nobody needs any more is
 * deleted after that, so that the record tells why. Killing the process between any two lines changes no outcome: names of children are
 * deterministic, and what was done is observed again.
 */
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import { SANDBOX_SUSPENDED } from '../../crds/sandbox-reasons.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { EventRecorder, Permission, Reconcile, Result } from '../../kube/types.ts';
import { deleteJob } from '../attempts/start.ts';
import { nextAction, type Action } from './decide.ts';
import { observe } from './observe.ts';
import type { Observed } from './observed.ts';
import { removals } from './removals.ts';
import { adopt, createBuild, createJob, deleteSandbox, type SandboxDeps, type Taken } from './start.ts';
import { reportOf, sandboxStatus, type Done } from './status.ts';

/** What this controller does at the API server. */
export const permissions: Permission[] = [
  { group: 'sb.abundant.ai', resources: ['sandboxes'], verbs: ['get', 'list', 'watch', 'delete'] },
  { group: 'sb.abundant.ai', resources: ['sandboxes/status'], verbs: ['update'] },
  // Owner references with blockOwnerDeletion need it where the admission plugin for it is on.
  { group: 'sb.abundant.ai', resources: ['sandboxes/finalizers'], verbs: ['update'] },
  { group: 'sb.abundant.ai', resources: ['taskbuilds'], verbs: ['get', 'list', 'watch', 'create', 'delete'] },
  // Patch: a Job of a pool is taken.
  { group: 'batch', resources: ['jobs'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
  { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  { group: '', resources: ['persistentvolumeclaims'], verbs: ['get', 'create'] },
  { group: '', resources: ['configmaps'], verbs: ['get'] },
  // Why the Job controller could make no Pod.
  { group: '', resources: ['events'], verbs: ['list'] },
];

/** The reconcile function of Sandboxes that are no pools. */
export function sandboxController(deps: SandboxDeps): Reconcile {
  const taken: Taken = new Map();
  return async (key) => {
    const sandbox = deps.sandboxes.get(key);
    if (!sandbox || sandbox.metadata.deletionTimestamp !== undefined || sandbox.spec.pool) return undefined;
    const seen = await observe(deps, sandbox);
    const done = await act(deps, { seen, taken }, nextAction(seen));
    return report(deps, seen, done);
  };
}

async function act(
  deps: SandboxDeps,
  { seen, taken }: { seen: Observed; taken: Taken },
  action: Action,
): Promise<Done> {
  switch (action.kind) {
    case 'createJob':
      return createJob(deps, seen, action);
    case 'createBuild':
      return createBuild(deps, action.pool ?? seen.sandbox, action);
    case 'adopt':
      return adopt(deps, seen.sandbox, { candidates: action.candidates, taken });
    case 'delete':
      await deleteSandbox(deps, seen.sandbox, action);
      return action;
    case 'wait':
    case 'ready':
    case 'end':
    case 'retry':
      return action;
    default:
      return action satisfies never;
  }
}

async function report(deps: SandboxDeps, seen: Observed, done: Done): Promise<Result | undefined> {
  if (done.kind === 'delete') return undefined;
  const { sandbox } = seen;
  const status = sandboxStatus(seen, done);
  const { write, againMs } = reportOf(seen, done, status);
  if (write) {
    await deps.kube.replaceStatus(SandboxKind, { ...sandbox, status });
    announce(deps.events, sandbox, done);
  }
  const { jobs, againMs: removeMs } = removals(seen, done);
  for (const job of jobs) await deleteJob(deps.kube, job);
  const waits = [againMs, removeMs].filter((ms) => ms !== undefined);
  return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
}

function announce(events: EventRecorder, sandbox: Sandbox, done: Done): void {
  if (done.kind === 'retry') events.warning(sandbox, done.reason, done.message);
  if (done.kind !== 'end') return;
  // What spec and time ask for is no warning.
  if (Object.hasOwn(SANDBOX_SUSPENDED, done.reason)) events.normal(sandbox, done.reason, done.message);
  else events.warning(sandbox, done.reason, done.message);
}

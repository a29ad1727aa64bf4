/**
 * The Trial controller. Every pass: observe, decide, act, report — in that order, with one status write at the end.
 * Killing the process between any two lines changes no outcome: names of children are deterministic, and what was done is observed again.
 */
import { isDeepStrictEqual } from 'node:util';
import { identityOf, trialPrefix } from '../../crds/names.ts';
import { Trial as TrialKind, TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import { present } from '../../crds/present.ts';
import type { TrialActiveReason } from '../../crds/reasons.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import { isAlreadyExists, isForbidden, isInvalid } from '../../kube/errors.ts';
import { Job } from '../../kube/kinds.ts';
import type { EventRecorder, Permission, Reconcile, Result } from '../../kube/types.ts';
import type { LogLinks } from '../../providers/log-links/port.ts';
import { jobFor, taskBuildFor } from './manifests.ts';
import type { PodSettings } from './manifests.ts';
import { isLeftover, isOwnedBy } from './attempt.ts';
import { isFinished } from '../../crds/conditions.ts';
import { observe } from './observe.ts';
import type { Observed } from './observed.ts';
import type { TrialSources } from './observe.ts';
import { LEFTOVER, nextAction } from './decide.ts';
import type { Action, Done } from './decide.ts';
import { refusalOf, scheduling } from './pod.ts';
import { trialConfig, trialResult } from './result.ts';
import { trialStatus } from './status.ts';

export interface TrialDeps extends TrialSources {
  events: EventRecorder;
  logLinks: LogLinks;
  settings: () => PodSettings;
}

/** What this controller does at the API server. */
export const permissions: Permission[] = [
  { group: 'sb.abundant.ai', resources: ['trials'], verbs: ['get', 'list', 'watch'] },
  { group: 'sb.abundant.ai', resources: ['trials/status'], verbs: ['update'] },
  // Owner references with blockOwnerDeletion need it where the admission plugin for it is on.
  { group: 'sb.abundant.ai', resources: ['trials/finalizers'], verbs: ['update'] },
  { group: 'sb.abundant.ai', resources: ['taskbuilds'], verbs: ['get', 'list', 'watch', 'create', 'delete'] },
  { group: 'batch', resources: ['jobs'], verbs: ['get', 'list', 'watch', 'create', 'delete'] },
  { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  { group: '', resources: ['configmaps'], verbs: ['get'] },
  // Why the Job controller could make no Pod.
  { group: '', resources: ['events'], verbs: ['list'] },
];

/** The reconcile function of Trials. */
export function trialController(deps: TrialDeps): Reconcile {
  return async (key) => {
    const seen = await observe(deps, key);
    if (!seen) return undefined;
    const done = await act(deps, seen, nextAction(seen));
    return report(deps, seen, done);
  };
}

async function act(deps: TrialDeps, seen: Observed, action: Action): Promise<Done> {
  switch (action.kind) {
    case 'createJob':
      return createJob(deps, seen, action);
    case 'createBuild':
      return createBuild(deps, seen, action);
    case 'stop':
      if (seen.job.kind === 'own') await deleteJob(deps, seen.job.job);
      return action;
    case 'wait':
    case 'recordStop':
    case 'endAttempt':
    case 'succeed':
    case 'fail':
      return action;
    default:
      return action satisfies never;
  }
}

async function createJob(
  { kube, settings }: TrialDeps,
  seen: Observed,
  action: Action & { kind: 'createJob' },
): Promise<Done> {
  const { image, taskContent } = action;
  const job = jobFor(seen.trial, seen.attempt, { image, settings: settings(), ...present({ taskContent }) });
  try {
    await kube.create(Job, job);
    return { kind: 'jobCreated' };
  } catch (error) {
    if (isAlreadyExists(error)) {
      const { namespace = '', name } = job.metadata;
      const found = await kube.get(Job, { namespace, name });
      if (found && isOwnedBy(found, seen.trial)) return { kind: 'jobCreated' };
      if (found && isLeftover(found, seen.trial)) return LEFTOVER;
      return {
        kind: 'fail',
        reason: 'NameConflict',
        message: `Job ${name} exists and is not this Trial's; delete it or rename the Trial`,
      };
    }
    return refused(error, (message) => ({ kind: 'fail', reason: 'JobRejected', message }));
  }
}

/** What the API server will never take ends the Trial; a full quota or an ending namespace only waits. */
function refused(error: unknown, failure: (message: string) => Done): Done {
  if (!isInvalid(error) && !isForbidden(error)) throw error;
  const { message, passing } = refusalOf(error.message);
  return passing ? { kind: 'wait', reason: 'Pending', message, againMs: 10_000 } : failure(message);
}

async function createBuild(
  { kube }: TrialDeps,
  { trial }: Observed,
  action: Action & { kind: 'createBuild' },
): Promise<Done> {
  const build = taskBuildFor(trial, action.taskBuild);
  const created: Done = { kind: 'buildCreated', taskBuild: action.taskBuild };
  const { namespace = '', name } = build.metadata;
  const staleUid = action.stale?.metadata.uid;
  if (staleUid !== undefined) await kube.delete(TaskBuildKind, { namespace, name }, { uid: staleUid });
  try {
    await kube.create(TaskBuildKind, build);
  } catch (error) {
    // Another Trial of the same content was faster.
    if (isAlreadyExists(error)) return created;
    const message = (words: string): string => `TaskBuild ${name}: BuildRejected: ${words}`;
    return refused(error, (words) => ({ kind: 'fail', reason: 'BuildFailed', message: message(words) }));
  }
  return created;
}

/** Foreground: the Job stays until its Pod is gone, so that the end of the Pod can be seen. */
const deleteJob = ({ kube }: TrialDeps, { metadata }: Job): Promise<boolean> =>
  kube.delete(
    Job,
    { namespace: metadata.namespace ?? '', name: metadata.name },
    { uid: metadata.uid ?? '', propagation: 'Foreground' },
  );

/** An attempt that starts at once needs no word in between: why it waits is written only when that lasts. */
const QUIET_MS = 5000;
const PASSING: TrialActiveReason[] = ['Pending', 'Unschedulable', 'PullingImage'];

async function report(deps: TrialDeps, seen: Observed, done: Done): Promise<Result | undefined> {
  const { trial, now } = seen;
  const status = trialStatus(seen, done, { files: deps.artifacts, logs: deps.logLinks });
  const again =
    done.kind === 'wait' && done.againMs !== undefined ? { requeueAfterMs: done.againMs } : undefined;
  if (sameStatus(trial.status, status)) return again;
  const quietFor = QUIET_MS - (now.getTime() - Date.parse(since(seen)));
  if (isTransient(done) && quietFor > 0)
    return { requeueAfterMs: Math.min(quietFor, again?.requeueAfterMs ?? quietFor) };
  if (isFinished({ ...trial, status })) await storeResult(deps, seen, { done, status });
  await deps.kube.replaceStatus(TrialKind, { ...trial, status });
  announce(deps.events, seen, done);
  return again;
}

const isTransient = (done: Done): boolean =>
  done.kind === 'jobCreated' || (done.kind === 'wait' && PASSING.includes(done.reason));

/** When the Trial came to what it waits for now. */
const since = ({ trial, job, pod, now }: Observed): string =>
  (pod && scheduling(pod)?.lastTransitionTime) ??
  (job.kind === 'own' ? job.job.metadata.creationTimestamp : trial.metadata.creationTimestamp) ??
  now.toISOString();

const unworded = ({ conditions, ...rest }: TrialStatus): object => ({
  ...rest,
  conditions: conditions?.map(({ type, status, reason, observedGeneration, message }) => ({
    type,
    status,
    reason,
    observedGeneration,
    // Ours, and it names what the build is doing, or what keeps the Pod from being made.
    message: reason === 'BuildingImage' || reason === 'Pending' ? message : '',
  })),
});

/** Equal but for the wording: the kubelet's messages carry counters that would be written for ever. */
function sameStatus(before: TrialStatus | undefined, after: TrialStatus): boolean {
  return before !== undefined && isDeepStrictEqual(unworded(before), unworded(after));
}

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/** The files come first: a Trial that says where its result lies has it there. Of a courier's outcome, writing them twice writes the same. */
async function storeResult(
  { artifacts, taskBuilds }: TrialDeps,
  seen: Observed,
  { done, status }: { done: Done; status: TrialStatus },
): Promise<void> {
  if (!seen.trial.spec.uploadResults) return;
  const { trial } = seen;
  const outcome = 'outcome' in done ? done.outcome : undefined;
  const taskBuild = taskBuilds.get({
    namespace: identityOf(trial).namespace,
    name: status.taskBuild ?? '',
  });
  const prefix = trialPrefix(trial);
  const options = { contentType: 'application/json' };
  const result = trialResult({ trial, status, ...present({ outcome, taskBuild }) });
  await Promise.all([
    artifacts.put(`${prefix}config.json`, json(trialConfig(trial)), options),
    artifacts.put(`${prefix}result.json`, json(result), options),
  ]);
}

function announce(events: EventRecorder, { trial }: Observed, done: Done): void {
  if (done.kind === 'fail' || done.kind === 'endAttempt') events.warning(trial, done.reason, done.message);
  if (done.kind === 'succeed') events.normal(trial, ...resultEvent(done));
}

function resultEvent({ outcome: { result } }: Done & { kind: 'succeed' }): [string, string] {
  if (result.kind !== 'rewarded') return ['RewardObtained', 'the agent ran; no verifier was wanted'];
  if (result.obstructed !== undefined) return ['VerifierObstructed', result.obstructed];
  return ['RewardObtained', `reward ${result.reward}`];
}

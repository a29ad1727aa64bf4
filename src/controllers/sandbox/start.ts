/** The writes of the Sandbox controller, but for its status. */
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import { identityOf } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../kube/errors.ts';
import { Job, PersistentVolumeClaim } from '../../kube/kinds.ts';
import type { EventRecorder } from '../../kube/types.ts';
import type { CourierSettings } from '../../pods/building/beside-courier.ts';
import { controllerOf, isOwnedBy } from '../../pods/ownership.ts';
import { seeJob } from '../attempts/observe.ts';
import { createTaskBuild, isRefused } from '../attempts/start.ts';
import { afterRefusal, faulty, LEFTOVER, nameConflict, wait, type Action } from './decide.ts';
import { adoption, claimFor, isPublic, jobFor, taskBuildFor } from './manifests.ts';
import type { SandboxSources } from './observe.ts';
import type { Candidate, Observed } from './observed.ts';
import type { Done } from './status.ts';

export interface SandboxDeps extends SandboxSources {
  events: EventRecorder;
  settings: (namespace: string) => CourierSettings;
  /** IP address of the broker. */
  brokerAddress: () => Promise<string | undefined>;
}

export async function createJob(
  deps: SandboxDeps,
  seen: Observed,
  { image, pool, users }: Action & { kind: 'createJob' },
): Promise<Done> {
  const { sandbox, number } = seen;
  const settings = await settingsFor(deps, pool ?? sandbox);
  const job = jobFor(sandbox, { image, number, settings, ...present({ pool, users }) });
  try {
    const taken = await createClaims(deps, sandbox);
    if (taken !== undefined) return faulty({ reason: 'NameConflict', message: taken });
    await deps.budgets.making(job, () => deps.kube.create(Job, job));
    return { kind: 'jobCreated' };
  } catch (error) {
    if (isAlreadyExists(error)) return whereNameIsTaken(deps, sandbox, job.metadata.name);
    if (isRefused(error)) return afterRefusal(error.message);
    throw error;
  }
}

/** Only a Pod that has nothing but the broker has to be told its address. */
export async function settingsFor(deps: SandboxDeps, shape: Sandbox): Promise<CourierSettings> {
  const settings = deps.settings(identityOf(shape).namespace);
  return isPublic(shape.spec) ? settings : { ...settings, brokerAddress: await deps.brokerAddress() };
}

/** Disks that an earlier attempt had are there already. Resolves with what is wrong with one of them. */
async function createClaims({ kube }: SandboxDeps, sandbox: Sandbox): Promise<string | undefined> {
  for (const volume of sandbox.spec.volumes ?? []) {
    const claim = claimFor(sandbox, volume);
    const { namespace = '', name } = claim.metadata;
    const found =
      (await kube.get(PersistentVolumeClaim, { namespace, name })) ??
      (await kube.create(PersistentVolumeClaim, claim));
    if (!isOwnedBy(found, sandbox))
      return `PersistentVolumeClaim ${name} exists and is not this Sandbox's; delete it or rename the volume`;
  }
  return undefined;
}

async function whereNameIsTaken(deps: SandboxDeps, sandbox: Sandbox, name: string): Promise<Done> {
  const found = await seeJob(deps, { owner: sandbox, name, live: true });
  switch (found.kind) {
    case 'own':
      return { kind: 'jobCreated' };
    case 'none':
    case 'leftover':
      return LEFTOVER;
    case 'foreign':
      return nameConflict(name);
    default:
      return found satisfies never;
  }
}

export async function createBuild(
  { kube }: SandboxDeps,
  shape: Sandbox,
  { taskBuild, stale }: Pick<Action & { kind: 'createBuild' }, 'taskBuild' | 'stale'>,
): Promise<Done> {
  const refused = await createTaskBuild(kube, taskBuildFor(shape, taskBuild), stale);
  if (refused === undefined) return { kind: 'buildCreated', taskBuild };
  const { reason, message, againMs } = afterRefusal(refused);
  return reason === 'JobRejected'
    ? faulty({ reason: 'BuildFailed', message: `TaskBuild ${taskBuild}: BuildRejected: ${message}` })
    : wait({ reason, message }, againMs);
}

/** UIDs of Jobs that a Sandbox of this process is about to take, and since when, in milliseconds since the epoch: it only saves conflicts. */
export type Taken = Map<string, number>;

const TAKEN_MS = 1000;

/** All were taken by others meanwhile: there may be more. */
const TAKEN = wait({ reason: 'Pending', message: 'another Sandbox took the Pod' }, 20);

/** Takes the first that nobody else takes at the same time. */
export async function adopt(
  deps: SandboxDeps,
  sandbox: Sandbox,
  { candidates, taken }: { candidates: Candidate[]; taken: Taken },
): Promise<Done> {
  const at = deps.now().getTime();
  for (const [uid, since] of taken) if (at - since >= TAKEN_MS) taken.delete(uid);
  for (const candidate of candidates) {
    const { uid = '' } = candidate.job.metadata;
    if (taken.has(uid)) continue;
    taken.set(uid, at);
    deps.takings.note(controllerOf(candidate.job)?.uid ?? '', at);
    const job = await take(deps, sandbox, candidate.job);
    if (job) return { kind: 'adopted', ...candidate, job };
  }
  return TAKEN;
}

/** Resolves with the Job as it is then; undefined where it is another's, or gone. */
async function take({ kube }: SandboxDeps, sandbox: Sandbox, job: Job): Promise<Job | undefined> {
  const { name, namespace = '' } = job.metadata;
  try {
    return await kube.patch(Job, { namespace, name }, adoption(sandbox, job));
  } catch (error) {
    if (isConflict(error) || isNotFound(error)) return undefined;
    throw error;
  }
}

/** With everything that it owns. */
export const deleteSandbox = (
  { kube, events }: SandboxDeps,
  sandbox: Sandbox,
  { reason, message }: { reason: string; message: string },
): Promise<boolean> => {
  events.normal(sandbox, reason, message);
  const { namespace = '', name, uid = '' } = sandbox.metadata;
  return kube.delete(SandboxKind, { namespace, name }, { uid, propagation: 'Background' });
};

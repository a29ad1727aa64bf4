/** Sandboxes, their Jobs and their Pods, with only what a test is about said aloud. */
import { claimFor, jobFor, memberFor } from '../../../src/controllers/sandbox/manifests.ts';
import type { AttemptSeen, Inputs, Observed, PoolSeen } from '../../../src/controllers/sandbox/observed.ts';
import { needs } from '../../../src/controllers/sandbox/decide.ts';
import { memberOf } from '../../../src/controllers/sandbox/pool.ts';
import type { Condition } from '../../../src/crds/conditions.ts';
import { API_VERSION } from '../../../src/crds/names.ts';
import { SANDBOX_SUSPENDED } from '../../../src/crds/sandbox-reasons.ts';
import type { Sandbox, SandboxAttempt, SandboxSpec, SandboxStatus } from '../../../src/crds/sandbox.ts';
import type { ImageSeen } from '../../../src/images/image.ts';
import type { Job, Pod } from '../../../src/kube/kinds.ts';
import { after, aPod, aReadyImage, containerStatus, POD_SETTINGS, stampOf, T0 } from './objects.ts';

type Status = NonNullable<Pod['status']>;

export function aSandbox({
  spec = {},
  name = 'box',
  status,
}: { spec?: Partial<SandboxSpec>; name?: string; status?: SandboxStatus } = {}): Sandbox {
  const hasSource = ['buildRef', 'build', 'poolRef'].some((field) => field in spec);
  return {
    apiVersion: API_VERSION,
    kind: 'Sandbox',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-of-${name}`,
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: stampOf(T0),
    },
    spec: {
      ...(!hasSource && { image: 'debian:bookworm-slim' }),
      operatingMode: 'Running',
      expiryAction: 'Delete',
      recreatePolicy: 'Never',
      ...spec,
    },
    ...(status && { status }),
  };
}

export const SANDBOX_IMAGE = aReadyImage('debian');
export const IMAGE_READY: ImageSeen = { kind: 'ready', image: SANDBOX_IMAGE };

const stored = (job: Job, over: Partial<Job['metadata']> = {}, status?: Job['status']): Job => ({
  ...job,
  metadata: {
    ...job.metadata,
    uid: `job-${job.metadata.name}`,
    resourceVersion: '1',
    creationTimestamp: stampOf(T0),
    ...over,
  },
  ...(status && { status }),
});

/** The Job of an attempt, as the API server returns it. */
export const aSandboxJob = (sandbox = aSandbox(), number = 1, status?: Job['status']): Job =>
  stored(jobFor(sandbox, { image: SANDBOX_IMAGE, number, settings: POD_SETTINGS }), {}, status);

export const aPoolJob = (pool: Sandbox, number: number, over: Partial<Job['metadata']> = {}): Job =>
  stored(memberFor(pool, { image: SANDBOX_IMAGE, number, settings: POD_SETTINGS }), over);

export const aClaim = (sandbox: Sandbox) =>
  (sandbox.spec.volumes ?? []).map((volume) => claimFor(sandbox, volume));

export const SCHEDULED = {
  type: 'PodScheduled',
  status: 'True',
  lastTransitionTime: stampOf(after(1)),
} as const;

export const RUNNING: Status = {
  phase: 'Running',
  podIP: '10.1.2.3',
  conditions: [SCHEDULED, { type: 'Ready', status: 'True' }],
  initContainerStatuses: [
    { ...containerStatus('courier', { running: { startedAt: stampOf(after(2)) } }), ready: true },
  ],
  containerStatuses: [
    { ...containerStatus('task', { running: { startedAt: stampOf(after(3)) } }), ready: true },
  ],
};

/** A Pod that goes on without its courier, which the kubelet is to start again. `waiting`: its words, once it has any. */
export const courierless = (
  end: { exitCode: number; reason: string },
  waiting?: { reason: string; message: string },
): Status => {
  const terminated = { ...end, startedAt: stampOf(after(2)), finishedAt: stampOf(after(60)) };
  const courier = waiting
    ? { ...containerStatus('courier', { waiting }), lastState: { terminated } }
    : containerStatus('courier', { terminated });
  return {
    ...RUNNING,
    conditions: [SCHEDULED, { type: 'Ready', status: 'False', reason: 'ContainersNotReady' }],
    initContainerStatuses: [courier],
  };
};

/** A Pod of whose containers one waits for this. */
export const heldFor = (reason: string, message?: string, container = 'task'): Status => ({
  phase: 'Pending',
  conditions: [SCHEDULED],
  containerStatuses: [
    containerStatus(container, { waiting: { reason, ...(message !== undefined && { message }) } }),
  ],
});

/** A Pod whose container ended so. `lastWord`: of the courier. */
export const endedWith = (
  exit: { exitCode: number; reason: string },
  { lastWord, ...over }: { lastWord?: string } & Partial<Status> = {},
): Status => ({
  phase: exit.exitCode === 0 ? 'Succeeded' : 'Failed',
  conditions: [SCHEDULED],
  initContainerStatuses: [
    containerStatus('courier', {
      terminated: { exitCode: 0, reason: 'Completed', ...(lastWord !== undefined && { message: lastWord }) },
    }),
  ],
  containerStatuses: [
    containerStatus('task', {
      terminated: { ...exit, startedAt: stampOf(after(3)), finishedAt: stampOf(after(60)) },
    }),
  ],
  ...over,
});

export const DISRUPTED = (reason: string): Partial<Status> => ({
  conditions: [SCHEDULED, { type: 'DisruptionTarget', status: 'True', reason, message: 'it had to go' }],
});

export const anAttempt = (over: Partial<SandboxAttempt> = {}): SandboxAttempt => ({
  number: 1,
  jobName: 'box-s1',
  startTime: stampOf(T0),
  ...over,
});

/** The condition that a Sandbox has for `reason`, but for its words and times. */
export const standing = (reason: string): Pick<Condition, 'type' | 'status' | 'reason'> =>
  Object.hasOwn(SANDBOX_SUSPENDED, reason)
    ? { type: 'Suspended', status: 'True', reason }
    : { type: 'Ready', status: reason === 'Ready' ? 'True' : 'False', reason };

/** The status of a Sandbox whose attempts those are, and that is ready or not for `reason`. */
export const statusWith = (
  reason: string,
  attempts: SandboxAttempt[],
  over: SandboxStatus = {},
): SandboxStatus => ({
  observedGeneration: 1,
  conditions: [
    {
      ...standing(reason),
      message: 'so it was',
      observedGeneration: 1,
      lastTransitionTime: stampOf(T0),
    },
  ],
  attempts,
  ...over,
});

export type SandboxKnown = Partial<AttemptSeen> & { inputs?: Inputs; refusal?: string; podStatus?: Status };

/** A Sandbox without a Job, five seconds old, and whatever else is known of it; as `observe` does, it has of that what `needs` asks for. */
export function aSandboxSeen({ inputs, refusal, podStatus, ...known }: SandboxKnown = {}): Observed {
  const { sandbox = aSandbox() } = known;
  const job = aSandboxJob(sandbox);
  const attempt: AttemptSeen = {
    sandbox,
    number: 1,
    job: podStatus ? { kind: 'own', job } : { kind: 'none' },
    others: [],
    policies: { kind: 'inPlace' },
    budget: { kind: 'none' },
    now: after(5),
    ...(podStatus && { pod: aPod(job, { status: podStatus }) }),
    ...known,
  };
  const asked = needs(attempt);
  switch (asked.need) {
    case 'nothing':
      return { ...attempt, ...asked };
    case 'report':
      return { ...attempt, ...asked, ...(refusal !== undefined && { refusal }) };
    case 'inputs':
      return { ...attempt, ...asked, inputs: inputs ?? { from: 'image', image: IMAGE_READY } };
    default:
      return asked satisfies never;
  }
}

export const aPool = (
  size: number,
  over: { spec?: Partial<SandboxSpec>; status?: SandboxStatus } = {},
): Sandbox => aSandbox({ name: 'pool', ...over, spec: { pool: { size }, ...over.spec } });

/** A pool whose Jobs have these Pods, numbered from 1; `undefined`: none yet. */
export function aPoolSeen(
  pods: (Status | undefined)[],
  { pool = aPool(3), ...known }: Partial<PoolSeen> & { pool?: Sandbox } = {},
): PoolSeen {
  const members = pods.map((status, index) => {
    const job = aPoolJob(pool, index + 1);
    return memberOf(job, status ? { pod: aPod(job, { status }) } : {});
  });
  return {
    sandbox: pool,
    members,
    failures: [],
    highest: members.length,
    image: IMAGE_READY,
    policies: { kind: 'inPlace' },
    budget: { kind: 'none' },
    now: after(5),
    ...known,
  };
}

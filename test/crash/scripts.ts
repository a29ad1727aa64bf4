/** Scripted runs: what is applied, what becomes of the Pods, what the user does meanwhile, and how it must end. */
import { conditionOf } from '../../src/crds/conditions.ts';
import type { BuildTemplate } from '../../src/crds/task-build.ts';
import type { Trial, TrialSpec } from '../../src/crds/trial.ts';
import type { TrialReason } from '../../src/crds/reasons.ts';
import { Job as JobKind, type Pod } from '../../src/kube/kinds.ts';
import type { Ended } from '../../src/providers/image-builder/memory.ts';
import type { Fate } from '../support/kubelet/fate.ts';
import { comingAgain } from './coming-again.ts';
import type { World, WorldOptions } from './world.ts';

export interface Script extends WorldOptions {
  name: string;
  /** Trials by name; default: one, `hello`, as `aTrial` makes it. */
  trials?: Record<string, Partial<TrialSpec>>;
  /** What happens outside, each once, as soon as it can: true when it has happened. */
  meanwhile?: ((world: World) => boolean | Promise<boolean>)[];
  /** Reasons that the Trials may end with; default: a reward. Empty where they are deleted. */
  ends?: TrialReason[];
  /** Number of attempts at most; default 1. */
  attempts?: number;
  /** What else is wrong at the end. */
  wrong?: (world: World) => string[];
}

export const build = (over: Partial<BuildTemplate> = {}): BuildTemplate => ({
  context: { configMap: { name: 'context' } },
  dockerfile: 'Dockerfile',
  platforms: ['linux/amd64'],
  timeoutSeconds: 1800,
  queueTimeoutSeconds: 1800,
  ...over,
});

/** An environment that is built. */
export const built = (over?: Partial<BuildTemplate>): Partial<TrialSpec> => ({
  environment: {
    build: build(over),
    resources: { requests: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' }, limits: {} },
    network: { enforcement: 'BestEffort' },
    allowPrivilegeEscalation: true,
  },
});

const first =
  (fate: Fate) =>
  (_: Trial, attempt: number): Fate =>
    attempt === 1 ? fate : { kind: 'rewarded' };

const phaseOf = ({ kubelet }: World): Pod['status'] => kubelet.alive[0]?.status;

const isMarked = ({ kubelet }: World): boolean =>
  kubelet.alive.some(({ metadata }) => metadata.deletionTimestamp !== undefined);

const whenRunning =
  (act: (world: World) => void) =>
  (world: World): boolean => {
    if (phaseOf(world)?.phase !== 'Running' || isMarked(world)) return false;
    act(world);
    return true;
  };

/** Not before the attempt is on the record: until then nobody but the API server knows of its Job. */
const deleteJob = (world: World): boolean => {
  if (!world.trial('hello')?.status?.attempts) return false;
  const jobs = world.server.collection(JobKind);
  for (const { metadata } of jobs.objects.values()) jobs.delete(metadata.namespace ?? '', metadata.name);
  return true;
};

const cancel = whenRunning((world) => world.change('hello', { cancel: true }));
const suspend = whenRunning((world) => world.change('hello', { suspend: true }));

/** As soon as the first operator is dead, if it dies early: what it sent last arrives after that. */
const cancelWhenDead = (world: World): boolean => {
  if (world.lives < 2) return cancel(world);
  world.change('hello', { cancel: true });
  return true;
};

/** `seen`: not before the operator says that the Trial is suspended. */
const resume =
  (seen: boolean) =>
  (world: World): boolean => {
    const trial = world.trial('hello');
    if (trial?.spec.suspend !== true || world.kubelet.alive.length > 0) return false;
    if (seen && conditionOf(trial, 'Succeeded')?.reason !== 'Suspended') return false;
    world.change('hello', { suspend: false });
    return true;
  };

/** As soon as the Pod is told to stop, or is gone already. */
const resumeWhileStopping = (world: World): boolean => {
  if (world.kubelet.alive.length > 0 && !isMarked(world)) return false;
  world.change('hello', { suspend: false });
  return true;
};

/** As a GitOps tool does, as soon as the operator has seen it: before, nobody was asked anything. */
const setBack = (world: World): boolean => {
  if (world.trial('hello')?.status?.attempts?.[0]?.reason !== 'Cancelled') return false;
  world.change('hello', { cancel: false });
  return true;
};

const whenPending =
  (act: (world: World) => void) =>
  (world: World): boolean => {
    if (phaseOf(world)?.phase !== 'Pending') return false;
    act(world);
    return true;
  };

/** A suspension is no failure: each of these has one attempt to lose. */
const once = { trials: { hello: { maxAttempts: 1 } } };
const stopped: Fate = { kind: 'runs', whenStopped: 'cancelled' };

const passWhen =
  (holds: (world: World) => boolean, ms: number) =>
  (world: World): boolean => {
    if (!holds(world)) return false;
    world.pass(ms);
    return true;
  };

const attemptFailed = ({ taskBuilds }: World): boolean =>
  taskBuilds[0]?.status?.attempts?.at(-1)?.completionTime !== undefined;

const unavailable: Ended = { kind: 'failed', reason: 'BuilderUnavailable', message: 'gone', logTail: [] };

/** As soon as the Trial that it is to judge again has ended. */
const judgeAgain = (world: World): boolean => {
  if (conditionOf(world.trial('hello') ?? {}, 'Succeeded')?.status !== 'True') return false;
  world.change('again', { suspend: false });
  return true;
};

export const scripts: Script[] = [
  ...comingAgain,
  { name: 'a Trial of an image' },
  {
    name: 'a Trial that is judged again once it has ended',
    trials: {
      hello: { run: 'first' },
      again: {
        run: 'second',
        suspend: true,
        regrade: { trial: 'hello' },
        verifier: { disabled: false, mode: 'Separate' },
      },
    },
    meanwhile: [judgeAgain],
    wrong: (world) => {
      const [before, again] = ['hello', 'again'].map((name) => world.trial(name)?.status);
      const isTold = again?.regraded?.reward === before?.reward && again?.reward !== undefined;
      return isTold ? [] : [`it does not say both rewards: ${JSON.stringify(again)}`];
    },
  },
  { name: 'a Trial whose image is built first', trials: { hello: built() } },
  { name: 'three Trials that share a build', trials: { one: built(), two: built(), three: built() } },
  {
    name: 'a verifier that left no reward',
    fate: () => ({ kind: 'failed', reason: 'RewardMissing' }),
    ends: ['RewardMissing'],
  },
  { name: 'a task out of memory', fate: () => ({ kind: 'outOfMemory' }), ends: ['OOMKilled'] },
  { name: 'an eviction, then a reward', fate: first({ kind: 'evicted' }), attempts: 2 },
  {
    name: 'a courier that failed, then a reward',
    fate: first({ kind: 'failed', reason: 'CourierFailed' }),
    attempts: 2,
  },
  { name: 'evictions without end', fate: () => ({ kind: 'evicted' }), ends: ['Evicted'], attempts: 3 },
  {
    name: 'a Pod that vanished after its result was stored',
    fate: () => ({ kind: 'vanishes', stored: true }),
  },
  {
    name: 'a Pod that vanished without a result, then a reward',
    fate: first({ kind: 'vanishes', stored: false }),
    attempts: 2,
  },
  {
    name: 'a node that fell silent, then a reward',
    fate: first({ kind: 'nodeLost' }),
    meanwhile: [passWhen(isMarked, 16_000)],
    attempts: 2,
  },
  {
    name: 'a Trial that no node has room for',
    trials: { hello: { startTimeoutSeconds: 5 } },
    fate: () => ({ kind: 'unschedulable' }),
    meanwhile: [passWhen((world) => (phaseOf(world)?.conditions?.length ?? 0) > 0, 6000)],
    ends: ['StartTimeout'],
  },
  {
    name: 'a Trial whose separate verifier does not start, and buys no attempt',
    trials: { hello: { verifier: { mode: 'Separate', disabled: false } } },
    fate: () => ({ kind: 'verifierHeld' }),
    ends: ['ImageNotFound'],
  },
  {
    name: 'a Trial that is cancelled while it runs',
    fate: () => ({ kind: 'runs', whenStopped: 'cancelled' }),
    meanwhile: [cancel],
    ends: ['Cancelled'],
  },
  {
    name: 'a Trial whose cancellation is set back while its Pod ends',
    fate: () => stopped,
    meanwhile: [cancel, setBack],
    ends: ['Cancelled'],
  },
  {
    name: 'a Trial that is cancelled when its reward was just obtained',
    fate: () => ({ kind: 'runs', whenStopped: 'rewarded' }),
    meanwhile: [cancel],
    ends: ['RewardObtained', 'Cancelled'],
  },
  {
    name: 'a Trial that is cancelled while no operator lives',
    fate: () => ({ kind: 'runs', whenStopped: 'cancelled' }),
    meanwhile: [cancelWhenDead],
    ends: ['Cancelled'],
  },
  {
    name: 'a Trial that is suspended and resumed',
    fate: first({ kind: 'runs', whenStopped: 'cancelled' }),
    meanwhile: [suspend, resume(true)],
    attempts: 2,
  },
  {
    name: 'a Trial that is suspended and resumed at once',
    fate: first({ kind: 'runs', whenStopped: 'cancelled' }),
    meanwhile: [suspend, resume(false)],
    attempts: 2,
  },
  {
    name: 'a Trial that is resumed while its Pod ends',
    ...once,
    fate: first(stopped),
    meanwhile: [suspend, resumeWhileStopping],
    attempts: 2,
  },
  {
    name: 'a Trial that is suspended and resumed twice',
    ...once,
    fate: (_, attempt) => (attempt <= 2 ? stopped : { kind: 'rewarded' }),
    meanwhile: [suspend, resumeWhileStopping, suspend, resumeWhileStopping],
    attempts: 3,
  },
  {
    name: 'a Trial that is suspended before its Pod starts',
    ...once,
    fate: first({ kind: 'unschedulable' }),
    meanwhile: [whenPending((world) => world.change('hello', { suspend: true })), resumeWhileStopping],
    attempts: 2,
  },
  {
    name: 'a Trial that is suspended when its reward was just obtained',
    ...once,
    fate: () => ({ kind: 'runs', whenStopped: 'rewarded' }),
    meanwhile: [suspend, resumeWhileStopping],
  },
  {
    name: 'a Trial that is suspended, then cancelled',
    ...once,
    fate: first(stopped),
    meanwhile: [suspend, (world) => (world.change('hello', { cancel: true }), true)],
    ends: ['Cancelled'],
    attempts: 2,
  },
  { name: 'a Pod that somebody deletes', fate: first({ kind: 'deleted' }), attempts: 2 },
  {
    name: 'a Job that somebody deletes',
    fate: first({ kind: 'runs', whenStopped: 'cancelled' }),
    meanwhile: [deleteJob],
    attempts: 2,
  },
  {
    name: 'a Trial that is deleted when it ends',
    trials: { hello: { ttlSecondsAfterFinished: 0 } },
    ends: [],
  },
  {
    name: 'a run of three Trials, two of which are deleted when they end',
    trials: {
      kept: { run: 'nightly' },
      one: { run: 'nightly', ttlSecondsAfterFinished: 0 },
      two: { run: 'nightly', ttlSecondsAfterFinished: 0 },
    },
  },
  {
    name: 'a builder that fails once',
    trials: { hello: built() },
    builds: { outcome: ({ attempt }) => (attempt === 1 ? unavailable : undefined) },
    meanwhile: [passWhen(attemptFailed, 10_000)],
  },
  {
    name: 'a build that fails',
    trials: { hello: built() },
    builds: {
      outcome: () => ({ kind: 'failed', reason: 'DockerfileFailed', message: 'RUN false', logTail: [] }),
    },
    ends: ['BuildFailed'],
    attempts: 0,
  },
];

/**
 * What stands between a Job and its courier's last word, simulated behind the API server: Job controller, kubelet, courier, garbage
 * collector. A Job gets one Pod; the Pod starts and comes to its fate; the courier stores `outcome.json`, then leaves its termination
 * message; the Job's condition follows. A deleted Job stays until its Pod has ended, a Pod that is told to stop ends in its own time.
 */
import type { Outcome } from '../../src/wire/outcome.ts';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import { ANNOTATION, LABEL } from '../../src/crds/names.ts';
import { trialPrefix } from '../../src/results/keys.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { Job as JobKind, Pod as PodKind, type Job, type Pod } from '../../src/kube/kinds.ts';
import type { ArtifactStore } from '../../src/providers/artifact-store/port.ts';
import type { ApiServer, Stored } from './api-server.ts';
import { aStoredOutcome } from './builders/objects.ts';
import type { Collection, Recorded } from './api-server/objects.ts';
import * as fates from './kubelet/fate.ts';
import type { Fate } from './kubelet/fate.ts';

export interface KubeletOptions {
  server: ApiServer;
  artifacts: ArtifactStore;
  /** Decides what becomes of the Pod of an attempt, which is counted from 1. */
  fate: (trial: Trial, attempt: number) => Fate;
  random: () => number;
  /** Longest time between two steps of a Pod. */
  stepMs?: number;
}

const FINALIZER = 'test/simulation';

const attemptOf = (object: Stored): number => Number(object.metadata.labels?.[LABEL.attempt] ?? 1);

const controllerOf = ({ metadata }: Stored): string | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;

const jobOf = (pod: Stored): string => pod.metadata.ownerReferences?.[0]?.name ?? '';

const isEnding = ({ metadata }: Stored): boolean => metadata.deletionTimestamp !== undefined;

function podOf({ metadata, spec }: Job, suffix: string): Stored {
  const { template } = spec ?? {};
  const { namespace = '', name, uid = '' } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace,
      name: `${name}-${suffix}`,
      labels: { ...template?.metadata?.labels, 'batch.kubernetes.io/controller-uid': uid },
      annotations: { ...template?.metadata?.annotations },
      finalizers: [FINALIZER],
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true }],
    },
    spec: { ...template?.spec, nodeName: 'node-1' },
    status: fates.pending,
  };
}

/** How often a courier tries a store that does not answer. */
const STORE_TRIES = 50;

export class Kubelet {
  /** The last word of each courier, by the name of its Job. */
  readonly said = new Map<string, Outcome>();
  readonly #options: KubeletOptions;
  readonly #trials: Collection;
  readonly #jobs: Collection;
  readonly #pods: Collection;
  readonly #stopping = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(options: KubeletOptions) {
    this.#options = options;
    const { server } = options;
    this.#trials = server.collection(TrialKind);
    this.#jobs = server.collection(JobKind);
    this.#pods = server.collection(PodKind);
    this.#jobs.watchers.add((change) => queueMicrotask(() => this.#onJob(change)));
    this.#trials.watchers.add((change) => queueMicrotask(() => this.#onTrial(change)));
  }

  /** Nothing happens any more. */
  stop(): void {
    this.#timers.forEach((timer) => clearTimeout(timer));
    this.#timers.clear();
    this.#jobs.watchers.clear();
    this.#trials.watchers.clear();
  }

  /** Number of Jobs that there are. */
  get jobs(): number {
    return this.#jobs.objects.size;
  }

  /** Number of Jobs that have ended. */
  get ended(): number {
    return this.jobs - this.unfinished.length;
  }

  /** Jobs that have not ended. */
  get unfinished(): Job[] {
    return ([...this.#jobs.objects.values()] as Job[]).filter(({ status }) => !status?.conditions);
  }

  /** Pods whose task still runs, or would, as soon as there is room. */
  get alive(): Pod[] {
    return [...this.#pods.objects.values()].filter(
      (pod) => !['Succeeded', 'Failed'].includes((pod as Pod).status?.phase ?? ''),
    ) as Pod[];
  }

  /** Deletes Jobs that have ended, as their `ttlSecondsAfterFinished` does. */
  expireJobs(): void {
    for (const job of this.#jobs.objects.values())
      if ((job as Job).status?.conditions) this.#delete(this.#jobs, job);
  }

  #onTrial({ type, object }: Recorded): void {
    if (type !== 'DELETED') return;
    for (const job of this.#jobs.objects.values())
      if (controllerOf(job) === object.metadata.uid) this.#delete(this.#jobs, job);
  }

  #onJob({ type, object: job }: Recorded): void {
    // Those of Sandboxes have a kubelet of their own.
    if (job.metadata.labels?.[LABEL.sandbox] !== undefined) return;
    if (type === 'ADDED') this.#begin(job);
    if (type === 'MODIFIED' && isEnding(job)) this.#end(job);
  }

  #begin(job: Stored): void {
    // One of this name that a Trial had before says nothing about this.
    this.said.delete(job.metadata.name);
    this.#edit(this.#jobs, job, (now) => ({
      ...now,
      metadata: { ...now.metadata, finalizers: [FINALIZER] },
    }));
    const trial = this.#ownerOf(job);
    // The garbage collector: its owner is gone.
    if (!trial) this.#delete(this.#jobs, job);
    else this.#later(() => this.#createPod(job, this.#options.fate(trial, attemptOf(job))));
  }

  #createPod(job: Stored, fate: Fate): void {
    const current = this.#now(this.#jobs, job);
    if (!current || isEnding(current)) return;
    const suffix = Math.floor(this.#options.random() * 36 ** 5).toString(36);
    const pod = this.#pods.create(podOf(job as Job, suffix.padStart(5, '0')));
    this.#later(() => this.#start(pod, fate));
  }

  #start(pod: Stored, fate: Fate): void {
    if (!this.#goesOn(pod)) return;
    // Before anybody hears that it runs, and has it stopped.
    if (fate.kind === 'runs' && fate.whenStopped === 'rewarded') this.said.set(jobOf(pod), this.#reward(pod));
    this.#status(pod, fate.kind === 'unschedulable' ? fates.unscheduled : fates.running());
    if (fate.kind !== 'unschedulable') this.#later(() => this.#meet(pod, fate));
  }

  #meet(pod: Stored, fate: Fate): void {
    if (!this.#goesOn(pod)) return;
    switch (fate.kind) {
      case 'rewarded':
        void this.#report(pod, this.#reward(pod));
        break;
      case 'failed':
        void this.#report(pod, fates.failedOutcome(attemptOf(pod), fate.reason));
        break;
      case 'outOfMemory':
        this.#status(pod, fates.outOfMemory());
        this.#finishJob(pod, 'BackoffLimitExceeded');
        break;
      case 'verifierHeld':
        this.#status(pod, fates.verifierHeld());
        break;
      case 'runs':
        break;
      default:
        this.#disrupt(pod, fate);
    }
  }

  #disrupt(pod: Stored, fate: Fate): void {
    switch (fate.kind) {
      case 'evicted':
        this.#status(pod, fates.disrupted({ phase: 'Failed' }, 'EvictionByEvictionAPI'));
        this.#finishJob(pod, 'PodFailurePolicy');
        this.#later(() => this.#remove(this.#pods, pod));
        break;
      case 'deleted':
        this.#delete(this.#pods, pod);
        this.#later(async () => {
          await this.#terminate(pod);
          this.#finishJob(pod, 'BackoffLimitExceeded');
          this.#later(() => this.#remove(this.#pods, pod));
        });
        break;
      case 'vanishes':
        void this.#vanish(pod, fate.stored);
        break;
      case 'nodeLost':
        this.#status(pod, fates.disrupted(fates.running(), 'DeletionByTaintManager'));
        this.#delete(this.#pods, pod);
        break;
      default:
    }
  }

  /** Six digits, so that no two Pods obtain the same. */
  #reward(pod: Stored): Outcome {
    return fates.rewardedOutcome(attemptOf(pod), Math.round(this.#options.random() * 1e6) / 1e6);
  }

  /** The courier's end: files, manifest, termination message. */
  async #report(pod: Stored, outcome: Outcome): Promise<void> {
    this.said.set(jobOf(pod), outcome);
    await this.#store(pod, outcome);
    this.#later(() => {
      this.#status(pod, fates.told(outcome));
      this.#finishJob(pod, outcome.result.kind === 'failed' ? 'BackoffLimitExceeded' : undefined);
    });
  }

  async #vanish(pod: Stored, stored: boolean): Promise<void> {
    const outcome = this.#reward(pod);
    if (stored) {
      this.said.set(jobOf(pod), outcome);
      await this.#store(pod, outcome);
    }
    this.#remove(this.#pods, pod);
    this.#finishJob(pod, 'BackoffLimitExceeded');
  }

  async #store(pod: Stored, outcome: Outcome): Promise<void> {
    const trial = this.#trialOf(pod);
    if (!trial) return;
    const stored = JSON.stringify(aStoredOutcome(trial, outcome));
    for (let tries = 1; ; tries++) {
      try {
        await this.#options.artifacts.put(`${trialPrefix(trial)}outcome.json`, stored);
        return;
      } catch (error) {
        if (tries === STORE_TRIES) throw error;
      }
    }
  }

  #finishJob(pod: Stored, failure: string | undefined): void {
    this.#later(() => {
      const job = this.#jobs.objects.get(`${pod.metadata.namespace}/${jobOf(pod)}`);
      if (!job || job.metadata.uid !== controllerOf(pod)) return;
      const condition = {
        type: failure ? 'Failed' : 'Complete',
        status: 'True',
        reason: failure ?? 'CompletionsReached',
      };
      this.#status(job, { conditions: [condition] }, this.#jobs);
    });
  }

  /** A Job that is being deleted: its Pod is told to stop, and the Job goes when the Pod is gone. */
  #end(job: Stored): void {
    const { uid = '' } = job.metadata;
    if (this.#stopping.has(uid)) return;
    this.#stopping.add(uid);
    const pods = [...this.#pods.objects.values()].filter((pod) => controllerOf(pod) === uid);
    for (const pod of pods) this.#delete(this.#pods, pod);
    this.#later(async () => {
      for (const pod of pods) await this.#terminate(pod);
      this.#later(() => {
        for (const pod of pods) this.#remove(this.#pods, pod);
        this.#remove(this.#jobs, job);
      });
    });
  }

  async #terminate(pod: Stored): Promise<void> {
    const current = this.#now(this.#pods, pod) as Pod | undefined;
    if (!current || current.status?.phase !== 'Running') return;
    if (current.status.conditions?.some(({ type }) => type === 'DisruptionTarget')) return;
    const outcome = this.said.get(jobOf(pod)) ?? fates.failedOutcome(attemptOf(pod), 'Cancelled');
    this.said.set(jobOf(pod), outcome);
    await this.#store(pod, outcome);
    this.#status(pod, fates.told(outcome));
  }

  #ownerOf(job: Stored): Trial | undefined {
    const uid = controllerOf(job);
    const trials = [...this.#trials.objects.values()] as Stored[];
    return trials.find(({ metadata }) => metadata.uid === uid) as Trial | undefined;
  }

  #trialOf({ metadata }: Stored): Trial | undefined {
    const name = metadata.annotations?.[ANNOTATION.trialName];
    return this.#trials.objects.get(`${metadata.namespace}/${name}`) as Trial | undefined;
  }

  #goesOn(pod: Stored): boolean {
    const current = this.#now(this.#pods, pod);
    return current !== undefined && !isEnding(current);
  }

  /** The object as it is now; undefined where it is gone. */
  #now(collection: Collection, { metadata }: Stored): Stored | undefined {
    const found = collection.objects.get(`${metadata.namespace ?? ''}/${metadata.name}`);
    return found?.metadata.uid === metadata.uid ? found : undefined;
  }

  #edit(collection: Collection, object: Stored, change: (now: Stored) => Stored): void {
    const now = this.#now(collection, object);
    if (now) collection.update(change(now));
  }

  #status(object: Stored, status: object, collection = this.#pods): void {
    const now = this.#now(collection, object);
    if (now) collection.update({ ...now, status }, 'status');
  }

  #delete(collection: Collection, object: Stored): void {
    const { namespace = '', name, uid } = object.metadata;
    if (this.#now(collection, object)) collection.delete(namespace, name, uid);
  }

  #remove(collection: Collection, object: Stored): void {
    this.#delete(collection, object);
    this.#edit(collection, object, (now) => ({ ...now, metadata: { ...now.metadata, finalizers: [] } }));
  }

  #later(run: () => unknown): void {
    const { random, stepMs = 3 } = this.#options;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void run();
    }, random() * stepMs);
    this.#timers.add(timer);
  }
}

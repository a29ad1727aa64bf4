/**
 * What stands between a Job of a Sandbox and its Pod, simulated behind the API server: Job controller, kubelet, garbage collector. A Job gets one
 * Pod, which is ready within moments and runs until its Job goes, or the test ends it.
 */
import { Sandbox as SandboxKind } from '../../src/crds/kinds.ts';
import { LABEL } from '../../src/crds/names.ts';
import {
  Job as JobKind,
  PersistentVolumeClaim,
  Pod as PodKind,
  type Job,
  type Pod,
} from '../../src/kube/kinds.ts';
import { controllerOf } from '../../src/pods/ownership.ts';
import { isActive } from '../../src/pods/reading/job.ts';
import type { ApiServer, Stored } from './api-server.ts';
import type { Collection, Recorded } from './api-server/objects.ts';
import { RUNNING } from './builders/sandboxes.ts';

export class SandboxKubelet {
  readonly #jobs: Collection;
  readonly #pods: Collection;
  readonly #claims: Collection;
  readonly #sandboxes: Collection;
  /** From a Pod's creation to the first word of its kubelet. */
  startMs = 1;
  /** What to do before a Pod is ready; by default nothing. */
  status: (job: Job) => Pod['status'] = () => RUNNING;

  constructor(server: ApiServer) {
    this.#jobs = server.collection(JobKind);
    this.#pods = server.collection(PodKind);
    this.#claims = server.collection(PersistentVolumeClaim);
    this.#sandboxes = server.collection(SandboxKind);
    this.#jobs.watchers.add((change) => queueMicrotask(() => this.#onJob(change)));
    this.#claims.watchers.add(({ object }) => queueMicrotask(() => this.#collect(this.#claims, object)));
    this.#sandboxes.watchers.add((change) => queueMicrotask(() => this.#onSandbox(change)));
  }

  get jobs(): Job[] {
    return [...this.#jobs.objects.values()] as Job[];
  }

  /** Jobs that may have a Pod, and are of this object. */
  jobsOf({ metadata }: { metadata: { uid?: string } }): Job[] {
    return this.jobs.filter((job) => isActive(job) && controllerOf(job)?.uid === metadata.uid);
  }

  /** How many of its Pods are ready. */
  readyOf(owner: { metadata: { uid?: string } }): number {
    return this.jobsOf(owner).filter((job) => this.#podsOf(job.metadata.name).some((pod) => 'status' in pod))
      .length;
  }

  get pods(): number {
    return this.#pods.objects.size;
  }

  get claims(): string[] {
    return [...this.#claims.objects.values()].map(({ metadata }) => metadata.name);
  }

  /** Writes the status of the Pod of a Job, which knows nothing of it yet. */
  tell(job: string, status: Pod['status']): void {
    for (const pod of this.#podsOf(job)) this.#pods.update({ ...pod, status }, 'status');
  }

  /** Ends the Pod of a Job, and the Job, which says when. */
  end(job: string, status: Pod['status'], { reason = 'BackoffLimitExceeded', at = new Date() } = {}): void {
    this.tell(job, status);
    const ended = this.#jobs.get('default', job) as Job;
    const conditions = [{ type: 'Failed', status: 'True', reason, lastTransitionTime: at.toISOString() }];
    this.#jobs.update({ ...ended, status: { conditions } }, 'status');
  }

  #podsOf(job: string): Stored[] {
    return [...this.#pods.objects.values()].filter(
      (pod) => controllerOf(pod)?.name === job && pod.metadata.labels?.[LABEL.sandbox] !== undefined,
    );
  }

  #onJob({ type, object: job }: Recorded): void {
    if (job.metadata.labels?.[LABEL.sandbox] === undefined) return;
    this.#collect(this.#jobs, job);
    if (type === 'ADDED') setTimeout(() => this.#begin(job as Job), 1);
    if (type === 'DELETED')
      for (const pod of this.#podsOf(job.metadata.name)) this.#pods.delete('default', pod.metadata.name);
  }

  #begin({ metadata, spec }: Job): void {
    if (!this.#jobs.objects.has(`default/${metadata.name}`)) return;
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace: 'default',
        name: `${metadata.name}-abcde`,
        labels: { ...spec?.template.metadata?.labels },
        ownerReferences: [
          {
            apiVersion: 'batch/v1',
            kind: 'Job',
            name: metadata.name,
            uid: metadata.uid ?? '',
            controller: true,
          },
        ],
      },
      spec: { ...spec?.template.spec, nodeName: 'node-1' },
    };
    const made = this.#pods.create(pod);
    const job = this.#jobs.get('default', metadata.name) as Job;
    setTimeout(() => {
      const now = this.#pods.objects.get(`default/${made.metadata.name}`);
      if (now && (now as Pod).status === undefined)
        this.#pods.update({ ...now, status: this.status(job) }, 'status');
    }, this.startMs);
  }

  #onSandbox({ type }: Recorded): void {
    if (type !== 'DELETED') return;
    for (const collection of [this.#jobs, this.#claims])
      for (const owned of collection.objects.values()) this.#collect(collection, owned);
  }

  /** The garbage collector: it deletes what an absent Sandbox controls, also where that arrives after the deletion. */
  #collect(collection: Collection, { metadata }: Stored): void {
    const now = collection.objects.get(`default/${metadata.name}`);
    const owner = now && controllerOf(now);
    if (owner?.kind !== 'Sandbox') return;
    const found = this.#sandboxes.objects.get(`default/${owner.name}`);
    if (found?.metadata.uid !== owner.uid) collection.delete('default', metadata.name);
  }
}

/** A Trial, a TaskBuild, and the Jobs and Pods that the operator makes for them. */
import type { ImageConfig } from '../../crds/courier-protocol.ts';
import { aTaskBuild, aTrial, anImageConfig } from '../../../test/support/builders.ts';
import { ANNOTATION, jobName, LABEL } from '../../crds/names.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import type { KubeObject } from '../../kube/types.ts';

const namespace = 'evals';

export const IMAGE: ImageConfig = anImageConfig();

export function trialWith(spec: Partial<Trial['spec']> = {}): Trial {
  const task = {
    name: 'hello',
    dataset: 'local',
    s3: { uri: 's3://memory/tasks/local/hello/0123456789ab/' },
  };
  return {
    ...aTrial({ spec: { task, run: 'run-1', ...spec } }),
    metadata: { name: 'solve', namespace, uid: '0a1b2c3d-trial' },
  };
}

/** `trial` after its status recorded so many attempts. */
export const afterAttempts = (trial: Trial, count: number): Trial => ({
  ...trial,
  status: {
    attempts: Array.from({ length: count }, (_, index) => ({
      number: index + 1,
      jobName: jobName(trial.metadata.name, index + 1),
    })),
  },
});

export const taskBuild: TaskBuild = {
  ...aTaskBuild({
    spec: {
      context: {
        s3: { uri: 's3://memory/tasks/local/hello/0123456789ab/context.zip', sha256: 'a'.repeat(64) },
      },
    },
  }),
  metadata: { name: 'build-0123', namespace, uid: 'build-uid' },
};

const controlledBy = (owner: KubeObject) => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  controller: true,
});

function jobOf(owner: KubeObject, name: string): Job {
  const metadata = { name, namespace, uid: `${name}-uid`, ownerReferences: [controlledBy(owner)] };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata };
}

export const trialJob = (trial: Trial, attempt = 1): Job =>
  jobOf(trial, jobName(trial.metadata.name, attempt));
export const buildJob: Job = jobOf(taskBuild, 'sb-build-0123');

export function trialPod(trial: Trial, attempt = 1): Pod {
  const job = trialJob(trial, attempt);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${job.metadata.name}-x7k2p`,
      namespace,
      uid: 'pod-uid',
      labels: { [LABEL.trial]: trial.metadata.name, [LABEL.attempt]: String(attempt) },
      annotations: {
        [ANNOTATION.imageConfig]: JSON.stringify(IMAGE),
      },
      ownerReferences: [controlledBy(job)],
    },
  };
}

export const buildPod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'sb-build-0123-q4w8z',
    namespace,
    uid: 'pod-uid',
    labels: { [LABEL.taskBuild]: taskBuild.metadata.name },
    ownerReferences: [controlledBy(buildJob)],
  },
};

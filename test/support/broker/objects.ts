/** A Trial, a TaskBuild, a Sandbox, and the Jobs and Pods that the operator makes for them. */
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import type { ImageConfig } from '../../../src/crds/image-config.ts';
import { aTaskBuild, aTrial, anImageConfig } from '../builders/objects.ts';
import { ANNOTATION, API_VERSION, jobName, LABEL, sandboxJobName } from '../../../src/crds/names.ts';
import type { Sandbox, SandboxSpec, SandboxStatus } from '../../../src/crds/sandbox.ts';
import type { TaskBuild } from '../../../src/crds/task-build.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { Job, Pod } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import { madeWithAnnotation } from '../../../src/pods/made-with.ts';

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

type Template = NonNullable<Job['spec']>['template'];

function jobOf(owner: KubeObject, name: string, template: Template): Job {
  const { labels = {} } = template.metadata ?? {};
  const metadata = { name, namespace, uid: `${name}-uid`, labels, ownerReferences: [controlledBy(owner)] };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { template } };
}

/** The part of a Pod's spec that has the token. */
const withToken = (container: string) => ({
  restartPolicy: 'Never',
  automountServiceAccountToken: false,
  initContainers: [
    {
      name: container,
      image: 'registry/sb-operator:1',
      command: ['node', '/app/courier.js'],
      env: [{ name: 'SB_BROKER_URL', value: 'https://broker:8443' }],
      volumeMounts: [{ name: 'token', mountPath: '/var/run/secrets/sb-broker', readOnly: true }],
      securityContext: { runAsUser: 10_001 },
    },
  ],
  volumes: [
    {
      name: 'token',
      projected: { sources: [{ serviceAccountToken: { audience: 'sb-broker', path: 'token' } }] },
    },
  ],
});

export const trialJob = (trial: Trial, attempt = 1): Job =>
  jobOf(trial, jobName(trial.metadata.name, attempt), {
    metadata: {
      labels: { [LABEL.trial]: trial.metadata.name, [LABEL.attempt]: String(attempt) },
      annotations: { [ANNOTATION.imageConfig]: JSON.stringify(IMAGE) },
    },
    spec: {
      ...withToken(CONTAINERS.courier),
      containers: [{ name: CONTAINERS.task, image: 'debian@sha256:aa', command: ['/sb/busybox'] }],
    },
  });

export const buildJob: Job = jobOf(taskBuild, 'sb-build-0123', {
  metadata: { labels: { [LABEL.taskBuild]: taskBuild.metadata.name } },
  spec: {
    ...withToken(CONTAINERS.context),
    containers: [{ name: CONTAINERS.build, image: 'buildctl:1', command: ['/bin/sh'] }],
  },
});

interface SandboxOver {
  name?: string;
  uid?: string;
  spec?: Partial<SandboxSpec>;
  status?: SandboxStatus;
}

/** One that is ready, in the Pod of its first Job. */
export function sandboxWith({ name = 'box', uid = `${name}-uid`, spec, status }: SandboxOver = {}): Sandbox {
  const job = sandboxJobName(name, 1);
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  const ready = {
    type: 'Ready',
    status: 'True' as const,
    reason: 'Ready',
    message: 'ready',
    lastTransitionTime,
  };
  return {
    apiVersion: API_VERSION,
    kind: 'Sandbox',
    metadata: { name, namespace, uid },
    spec: {
      image: 'debian',
      operatingMode: 'Running',
      expiryAction: 'Delete',
      recreatePolicy: 'Never',
      ...spec,
    },
    status: status ?? {
      conditions: [ready],
      attempts: [{ number: 1, jobName: job }],
      jobName: job,
      podName: `${job}-x7k2p`,
    },
  };
}

/** `taken`: of a pool, by that Sandbox. */
export function sandboxJob(
  sandbox: Sandbox,
  { attempt = 1, taken }: { attempt?: number; taken?: Sandbox } = {},
): Job {
  const { name } = sandbox.metadata;
  const own = {
    [LABEL.sandbox]: name,
    ...(sandbox.spec.pool && { [LABEL.pool]: name }),
    [LABEL.attempt]: String(attempt),
  };
  const job = jobOf(sandbox, sandboxJobName(name, attempt), {
    metadata: {
      labels: own,
      annotations: {
        [ANNOTATION.imageConfig]: JSON.stringify(IMAGE),
        ...madeWithAnnotation(sandbox.spec),
      },
    },
    spec: {
      ...withToken(CONTAINERS.courier),
      containers: [{ name: CONTAINERS.task, image: 'debian@sha256:aa', command: ['/sb/sbd'] }],
    },
  });
  if (!taken) return job;
  const labels = { ...own, [LABEL.sandbox]: taken.metadata.name };
  return { ...job, metadata: { ...job.metadata, labels, ownerReferences: [controlledBy(taken)] } };
}

export function sandboxPod(job: Job, podIP = '127.0.0.1'): Pod {
  const pod = podOf(job, 'x7k2p');
  const uid = `${pod.metadata.name}-uid`;
  return { ...pod, metadata: { ...pod.metadata, uid }, status: { phase: 'Running', podIP } };
}

/** The Pod that the Job controller makes of a Job, and what API server and admission add to it. */
function podOf({ metadata: { name, uid }, spec }: Job, suffix: string): Pod {
  const { template } = spec ?? {};
  const job = { apiVersion: 'batch/v1', kind: 'Job', name, uid: uid ?? '', controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-${suffix}`,
      namespace,
      uid: 'pod-uid',
      labels: { ...template?.metadata?.labels, 'istio.io/rev': 'default' },
      annotations: { ...template?.metadata?.annotations, 'cni/address': '10.0.0.1' },
      ownerReferences: [job],
    },
    spec: {
      containers: [],
      ...structuredClone(template?.spec),
      serviceAccountName: 'default',
      nodeName: 'node-1',
      priority: 0,
      tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists' }],
    },
    status: { phase: 'Running' },
  };
}

export const trialPod = (trial: Trial, attempt = 1): Pod => podOf(trialJob(trial, attempt), 'x7k2p');
export const buildPod: Pod = podOf(buildJob, 'q4w8z');

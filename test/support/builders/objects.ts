/** Builders: objects that are complete and plain, with only what a test is about said aloud. */
import type { Budgets } from '../../../src/budget/standing.ts';
import type { ImageRules, Origin } from '../../../src/controllers/task-build/image.ts';
import type { PodSettings } from '../../../src/controllers/trial/manifests.ts';
import type { Gpus } from '../../../src/crds/gpus.ts';
import type { ImageConfig } from '../../../src/crds/image-config.ts';
import type { Outcome, StoredOutcome } from '../../../src/wire/outcome.ts';
import { API_VERSION, jobName, LABEL } from '../../../src/crds/names.ts';
import { namespaceRules } from '../../../src/crds/namespace-rules.ts';
import type { TaskBuild, TaskBuildSpec } from '../../../src/crds/task-build.ts';
import type { Trial, TrialSpec } from '../../../src/crds/trial.ts';
import type { ReadyImage } from '../../../src/images/image.ts';
import type { Job, Pod } from '../../../src/kube/kinds.ts';
import {
  compile,
  filledIn,
  parseTaskToml,
  type CompiledSpec,
  type TaskMetadata,
} from '../../../src/tasks/index.ts';

/** The least that a task needs to be run. */
export const SOLVED_FILES = {
  'instruction.md': 'Do it.\n',
  'solution/solve.sh': '#!/bin/sh\n',
  'tests/test.sh': '#!/bin/sh\necho 1 > /logs/verifier/reward.txt\n',
};

/** `SOLVED_FILES` as the keys of a ConfigMap. */
export const SOLVED_DATA = Object.fromEntries(
  Object.entries(SOLVED_FILES).map(([path, text]) => [path.replaceAll('/', '__'), text]),
);

/** `metadata.json` of a task, as `sb` writes it. */
export const aMetadata = (
  over: Partial<Omit<TaskMetadata, 'config'>> & { toml?: string } = {},
): TaskMetadata => {
  const { toml = '', version = '0123456789ab', ...rest } = over;
  return {
    schema: 2,
    name: 'hello',
    version,
    hash: version.padEnd(64, '0'),
    id: `hello@${version}`,
    digest: 'd'.repeat(64),
    environment_hash: 'e'.repeat(64),
    layout_sha256: 'f'.repeat(64),
    config: parseTaskToml(toml),
    files: Object.keys(SOLVED_FILES),
    ...rest,
  };
};

/** A Trial as the controller has it once its task is compiled. */
export const compiledTrial = (trial: Trial): Trial & { spec: CompiledSpec } => ({
  ...trial,
  spec: filledIn(
    trial.spec,
    compile(trial.spec, {
      config: parseTaskToml(''),
      files: Object.keys(SOLVED_FILES).map((path) => ({ path })),
    }),
  ),
});

/** A namespace whose admins decided nothing: every task may be read. */
export const NO_RULES = namespaceRules({}, { requirePrefixes: false });

/** Of namespaces that have none. */
export const NO_BUDGETS: Budgets = { of: () => ({ kind: 'none' }), making: (_job, make) => make() };

export const T0 = new Date('2026-01-01T00:00:00Z');

/** `T0` plus so many seconds. */
export const after = (seconds: number): Date => new Date(T0.getTime() + seconds * 1000);
export const stampOf = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, 'Z');

type Overrides<T> = { [K in keyof T]?: Partial<T[K]> | T[K] };

export function aTrial({
  spec = {},
  ...over
}: { spec?: Overrides<TrialSpec>; status?: Trial['status']; name?: string } = {}): Trial {
  const { name = 'hello', status } = over;
  return {
    apiVersion: API_VERSION,
    kind: 'Trial',
    metadata: {
      name,
      namespace: 'default',
      uid: '12345678-aaaa-bbbb-cccc-000000000000',
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: stampOf(T0),
    },
    spec: {
      task: { name: 'hello', dataset: 'local', configMap: { name: 'hello-task' } },
      agent: { name: 'oracle', setupTimeoutSeconds: 360 },
      verifier: { disabled: false },
      maxAttempts: 3,
      backoffSeconds: 10,
      startTimeoutSeconds: 1800,
      suspend: false,
      cancel: false,
      rerun: 'IfNotRan',
      uploadResults: true,
      ...(spec as Partial<TrialSpec>),
      environment: {
        image: 'debian:bookworm-slim',
        resources: {
          requests: { cpu: '500m', memory: '512Mi', 'ephemeral-storage': '8Gi' },
          limits: { 'ephemeral-storage': '16Gi' },
        },
        network: { enforcement: 'BestEffort' },
        allowPrivilegeEscalation: true,
        ...spec.environment,
      },
    },
    ...(status && { status }),
  };
}

export const anImageConfig = (over: Partial<ImageConfig> = {}): ImageConfig => ({
  user: '',
  workdir: '/app',
  entrypoint: [],
  cmd: ['bash'],
  ...over,
});

/** The Job of a Trial's attempt, as the API server returns it. */
export function aJob(
  trial: Trial,
  over: { attempt?: number; uid?: string; deleted?: boolean; status?: Job['status'] } = {},
): Job {
  const { attempt = 1, uid = `job-${attempt}`, deleted = false, status } = over;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(trial.metadata.name, attempt),
      namespace: 'default',
      uid,
      creationTimestamp: stampOf(T0),
      labels: { [LABEL.trial]: trial.metadata.name, [LABEL.attempt]: String(attempt) },
      ...(deleted && { deletionTimestamp: stampOf(T0) }),
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: 'Trial',
          name: trial.metadata.name,
          uid: trial.metadata.uid ?? '',
          controller: true,
        },
      ],
    },
    spec: { template: { spec: { containers: [{ name: 'task' }] } } },
    ...(status && { status }),
  };
}

export function aPod(job: Job, over: { status?: Pod['status']; deletionTimestamp?: string } = {}): Pod {
  const { status = { phase: 'Pending' }, deletionTimestamp } = over;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${job.metadata.name}-abcde`,
      namespace: 'default',
      uid: `pod-of-${job.metadata.uid}`,
      labels: { ...job.metadata.labels, 'batch.kubernetes.io/controller-uid': job.metadata.uid ?? '' },
      creationTimestamp: stampOf(T0),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
      ownerReferences: [
        {
          apiVersion: 'batch/v1',
          kind: 'Job',
          name: job.metadata.name,
          uid: job.metadata.uid ?? '',
          controller: true,
        },
      ],
    },
    spec: { containers: [{ name: 'task' }], ...job.spec?.template.spec, nodeName: 'sb-worker' },
    status,
  };
}

export const anOutcome = (over: Partial<Outcome> = {}): Outcome => ({
  version: 1,
  attempt: 1,
  result: { kind: 'rewarded', reward: 1, rewards: { reward: 1 } },
  timings: {
    agentExecution: { startTime: stampOf(after(1)), completionTime: stampOf(after(2)) },
    verifier: { startTime: stampOf(after(2)), completionTime: stampOf(after(3)) },
  },
  findings: [],
  stored: { files: 3, bytes: 42, skipped: 0 },
  ...over,
});

/** `outcome.json` of a Trial. */
export const aStoredOutcome = (trial: Trial, outcome = anOutcome()): StoredOutcome => ({
  version: 1,
  trial: { uid: trial.metadata.uid ?? '', attempt: outcome.attempt },
  outcome,
});

/** Status of a Pod whose courier left this message. */
export const endedPod = (message: string, finishedAt = stampOf(after(8))): NonNullable<Pod['status']> => ({
  phase: 'Succeeded',
  initContainerStatuses: [
    containerStatus('courier', {
      terminated: { exitCode: 0, reason: 'Completed', message, finishedAt },
    }),
  ],
  containerStatuses: [
    containerStatus('task', {
      terminated: { exitCode: 0, reason: 'Completed', startedAt: stampOf(after(1)) },
    }),
  ],
});

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

export const containerStatus = (
  name: string,
  state: NonNullable<ContainerStatus['state']>,
): ContainerStatus => ({
  name,
  image: '',
  imageID: '',
  ready: false,
  restartCount: 0,
  state,
});

export function aTaskBuild(
  over: { spec?: Partial<TaskBuildSpec>; status?: TaskBuild['status']; name?: string } = {},
): TaskBuild {
  const { name = 'build-0123456789abcdef', spec = {}, status } = over;
  return {
    apiVersion: API_VERSION,
    kind: 'TaskBuild',
    metadata: {
      name,
      namespace: 'default',
      uid: '87654321-aaaa-bbbb-cccc-000000000000',
      generation: 1,
      creationTimestamp: stampOf(T0),
    },
    spec: {
      context: { s3: { uri: 's3://artifacts/tasks/local/hello/0123/context.zip', sha256: 'ab'.repeat(32) } },
      dockerfile: 'Dockerfile',
      platforms: ['linux/amd64'],
      timeoutSeconds: 1800,
      queueTimeoutSeconds: 1800,
      force: false,
      cancelled: false,
      ...spec,
    },
    ...(status && { status }),
  };
}

/** Rules of an installation that names a repository and nothing else. */
export const someRules = (over: Partial<ImageRules> = {}): ImageRules => ({
  repository: 'registry:5000/sandboxes',
  repositories: [],
  ownImage: `registry:5000/sb-operator@sha256:${'0'.repeat(64)}`,
  platform: 'linux/amd64',
  sharing: 'Shared',
  ...over,
});

export const anOrigin = (over: Partial<Origin> = {}): Origin => ({
  contentHash: 'cd'.repeat(32),
  contextSha256: 'ab'.repeat(32),
  platform: 'linux/amd64',
  shared: true,
  ...over,
});

/** One type of GPU on two kinds of nodes. */
export const GPUS: Gpus = {
  resource: 'nvidia.com/gpu',
  types: {
    h100: { nodeSelectors: [{ gpu: 'h100', big: '1' }, { accelerator: 'h' }], resource: 'nvidia.com/gpu' },
  },
};

/** What every Pod of a Trial needs to know of an installation. */
export const POD_SETTINGS: PodSettings = {
  agentVolumes: 'Copy',
  courierImage: 'registry/sb-operator:1',
  imagePullSecrets: [],
  brokerUrl: 'https://broker:8443',
  brokerCa: 'PEM',
  userNamespaces: false,
  gpus: GPUS,
};

/** An image that is there, `user` being its own. */
export const aReadyImage = (name: string, user = ''): ReadyImage => ({
  reference: `${name}@sha256:${name}`,
  digest: `sha256:${name}`,
  config: anImageConfig({ user }),
});

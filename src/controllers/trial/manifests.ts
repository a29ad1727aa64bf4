/** Pure: the Kubernetes objects of a Trial. */
import { agentVariable, verifierVariable } from '../../wire/assignment.ts';
import { CONTAINERS, POD_PATHS } from '../../wire/pod-paths.ts';
import type { EnvVar } from '../../crds/environment.ts';
import { literal } from '../../crds/literal.ts';
import {
  ANNOTATION,
  API_VERSION,
  bounded,
  BROKER_AUDIENCE,
  identityOf,
  jobName,
  LABEL,
  sha256,
  trialName,
} from '../../crds/names.ts';
import type { Quantity } from '../../crds/schema.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import type { ReadyImage } from '../../images/image.ts';

type PodSpec = NonNullable<Pod['spec']>;
type Container = PodSpec['containers'][number];
type EnvEntry = NonNullable<Container['env']>[number];

/** What every Pod needs to know of this installation. */
export interface PodSettings {
  /** The operator's own image, which brings the courier. */
  courierImage: string;
  /** Secrets of the Trial's namespace that both images are pulled with. */
  imagePullSecrets: string[];
  brokerUrl: string;
  /** PEM of the CA that signed the broker's certificate. */
  brokerCa: string;
  /** Whether the cluster's nodes can give a Pod a user namespace of its own. */
  userNamespaces: boolean;
}

/**
 * User and group of the courier; nothing else in the Pod may run as it, for it could read what the courier stages. Debian reserves 65000 to
 * 65533, so that no image has users there by itself; distroless images have 65532; user namespaces map nothing above 65535. Which one is
 * drawn for each attempt, so that no image is made to meet it; two attempts may have the same.
 */
const COURIER_UIDS = { first: 65_000, count: 500 };
/** Disk for what the courier unpacks, and again for what it stages of that. */
const COURIER_DISK = '4Gi';
/** Docker's default without MKNOD: device nodes cannot be opened anyway. Decision 0023 says why the rest stays. */
const DROPPED = ['MKNOD'];
/** Time for a courier that is told to stop to store what there is. */
const GRACE_SECONDS = 45;
/** How long a node may be silent before its Pods are given up; Kubernetes' own default of 300 s makes every lost node cost five minutes. */
const NODE_SILENCE_SECONDS = 30;
const HOUR = 3600;

/** Those annotations that there are. */
function annotated(annotations: Record<string, string | undefined>): {
  annotations?: Record<string, string>;
} {
  const there = Object.entries(annotations).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return there.length > 0 ? { annotations: Object.fromEntries(there) } : {};
}

/** The Job of one attempt. */
export function jobFor(
  trial: Trial,
  attempt: number,
  { image, settings, taskContent }: { image: ReadyImage; settings: PodSettings; taskContent?: string },
): Job {
  const { spec, metadata } = trial;
  const labels = {
    [LABEL.trial]: bounded(metadata.name),
    [LABEL.attempt]: String(attempt),
    ...(spec.run !== undefined && { [LABEL.run]: spec.run }),
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(metadata.name, attempt),
      namespace: metadata.namespace ?? '',
      ...annotated({ [ANNOTATION.taskBuildName]: image.taskBuild, [ANNOTATION.taskContent]: taskContent }),
      labels: {
        ...labels,
        ...(spec.scheduling?.queueName && { 'kueue.x-k8s.io/queue-name': spec.scheduling.queueName }),
      },
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: 'Trial',
          name: metadata.name,
          uid: metadata.uid ?? '',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      // Leaves the fact of a disruption on the Job, where it outlives the Pod.
      podFailurePolicy: {
        rules: [{ action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
      },
      // The reward is on the Trial long before; without files in the bucket the Pod's log is the only one.
      ttlSecondsAfterFinished: spec.uploadResults ? HOUR : 24 * HOUR,
      template: {
        metadata: {
          labels,
          annotations: {
            [ANNOTATION.trialName]: metadata.name,
            [ANNOTATION.logStream]: `/${trialName(identityOf(trial))}`,
            [ANNOTATION.imageConfig]: JSON.stringify(image.config),
            'karpenter.sh/do-not-disrupt': 'true',
          },
        },
        spec: podSpec(trial, image, { ...settings, courierUid: courierUid(trial, attempt) }),
      },
    },
  };
}

function courierUid({ metadata }: Trial, attempt: number): number {
  const { first, count } = COURIER_UIDS;
  return first + (Number.parseInt(sha256(`${metadata.uid} ${attempt}`).slice(0, 8), 16) % count);
}

type AttemptSettings = PodSettings & { courierUid: number };

/** What Docker sets for every container, and not every kubelet: everybody may ping and serve on any port. */
const sysctls = ({ userNamespaces }: PodSettings) => [
  // The kernel refuses groups that a user namespace does not have.
  { name: 'net.ipv4.ping_group_range', value: userNamespaces ? '0 65535' : '0 2147483647' },
  { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' },
];

function podSpec(trial: Trial, image: ReadyImage, settings: AttemptSettings): PodSpec {
  const { environment, task } = trial.spec;
  return {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: GRACE_SECONDS,
    securityContext: { seccompProfile: { type: 'RuntimeDefault' }, sysctls: sysctls(settings) },
    ...(settings.userNamespaces && { hostUsers: false }),
    ...(settings.imagePullSecrets.length > 0 && {
      imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })),
    }),
    ...placement(trial.spec),
    initContainers: [courier(trial, settings)],
    containers: [taskContainer(trial, image)],
    volumes: [
      { name: 'control', emptyDir: { sizeLimit: COURIER_DISK } },
      // As much as the container may write elsewhere; beyond it the kubelet evicts, and that is the agent's doing.
      { name: 'logs', emptyDir: { sizeLimit: String(environment.resources.limits['ephemeral-storage']) } },
      { name: 'scratch', emptyDir: { sizeLimit: COURIER_DISK } },
      {
        name: 'token',
        projected: {
          sources: [
            { serviceAccountToken: { audience: BROKER_AUDIENCE, expirationSeconds: HOUR, path: 'token' } },
          ],
        },
      },
      ...(task.configMap ? [{ name: 'task', configMap: { name: task.configMap.name } }] : []),
    ],
  };
}

/** Where the Pod runs, and by what runtime. */
const placement = ({ environment, scheduling }: Trial['spec']): Partial<PodSpec> => ({
  ...(environment.runtimeClassName !== undefined && { runtimeClassName: environment.runtimeClassName }),
  ...(scheduling?.nodeSelector && { nodeSelector: scheduling.nodeSelector }),
  ...(scheduling?.priorityClassName !== undefined && { priorityClassName: scheduling.priorityClassName }),
  tolerations: [
    ...(scheduling?.tolerations ?? []),
    ...['not-ready', 'unreachable'].map((state) => ({
      key: `node.kubernetes.io/${state}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: NODE_SILENCE_SECONDS,
    })),
  ],
});

/** A native sidecar: it runs before, beside and after the task container. */
function courier(trial: Trial, settings: AttemptSettings): Container {
  const { agent, verifier, task } = trial.spec;
  return {
    name: CONTAINERS.courier,
    image: settings.courierImage,
    restartPolicy: 'Always',
    // A small young generation: with 10,000 output files V8 would otherwise let the heap grow by a third.
    command: ['node', '--max-semi-space-size=1', '/app/courier.js', 'trial'],
    env: [
      { name: 'SB_BROKER_URL', value: literal(settings.brokerUrl) },
      { name: 'SB_BROKER_CA', value: literal(settings.brokerCa) },
      ...secrets(agent.env, agentVariable),
      ...secrets(verifier.env, verifierVariable),
    ],
    // The kubelet starts the task container only when this is through, so busybox, run.sh and the FIFOs are there.
    lifecycle: { postStart: { exec: { command: ['/opt/sb/busybox', 'sh', '/opt/sb/prepare.sh'] } } },
    securityContext: {
      runAsUser: settings.courierUid,
      runAsGroup: settings.courierUid,
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    resources: {
      requests: { cpu: '50m', memory: '80Mi', 'ephemeral-storage': '256Mi' },
      limits: { memory: '512Mi', 'ephemeral-storage': COURIER_DISK },
    },
    volumeMounts: [
      { name: 'control', mountPath: POD_PATHS.control },
      { name: 'logs', mountPath: POD_PATHS.logs, readOnly: true },
      // The unpacked task: what the task container may see of it is put under /sb when its phase begins.
      { name: 'scratch', mountPath: '/tmp' },
      { name: 'token', mountPath: POD_PATHS.token.replace(/\/token$/, ''), readOnly: true },
      ...(task.configMap ? [{ name: 'task', mountPath: POD_PATHS.task, readOnly: true }] : []),
    ],
  };
}

/** Only the references: the kubelet fills the values into the courier, which hands them to the one phase that may see them. */
const secrets = (env: EnvVar[] | undefined, variable: (index: number) => string): EnvEntry[] =>
  (env ?? []).flatMap(({ secretKeyRef }, index) =>
    secretKeyRef
      ? [
          {
            name: variable(index),
            valueFrom: { secretKeyRef: { name: secretKeyRef.name, key: secretKeyRef.key } },
          },
        ]
      : [],
  );

/** The task's image. It starts as root, because every phase drops to its own user; it gets no credential. */
function taskContainer(trial: Trial, image: ReadyImage): Container {
  const { resources, gpus, env } = trial.spec.environment;
  return {
    name: CONTAINERS.task,
    image: image.reference,
    command: [`${POD_PATHS.control}/busybox`, 'sh', `${POD_PATHS.control}/run.sh`],
    workingDir: '/',
    env: (env ?? []).map(({ name, value, secretKeyRef }) =>
      secretKeyRef
        ? { name, valueFrom: { secretKeyRef: { ...secretKeyRef } } }
        : { name, value: literal(value ?? '') },
    ),
    securityContext: { runAsUser: 0, runAsGroup: 0, capabilities: { drop: DROPPED } },
    resources: {
      requests: quantities(resources.requests),
      limits: { ...quantities(resources.limits), ...(gpus ? { 'nvidia.com/gpu': String(gpus) } : {}) },
    },
    volumeMounts: [
      { name: 'control', mountPath: POD_PATHS.control, readOnly: true },
      { name: 'logs', mountPath: POD_PATHS.logs },
    ],
  };
}

const quantities = (amounts: Record<string, Quantity | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(amounts).flatMap(([name, amount]) =>
      amount === undefined ? [] : [[name, String(amount)]],
    ),
  );

/** The shared TaskBuild; nobody owns it, because other Trials use it too. */
export function taskBuildFor(trial: Trial, name: string): TaskBuild {
  const template = trial.spec.environment.build;
  if (!template) throw new Error(`Trial ${trial.metadata.name} has no environment.build`);
  return {
    apiVersion: API_VERSION,
    kind: 'TaskBuild',
    metadata: { name, namespace: trial.metadata.namespace ?? '' },
    spec: { ...template, force: false, cancelled: false },
  };
}

/** Pure: the Kubernetes objects of a Trial. */
import { agentFacts } from '../../crds/agents.ts';
import { secretVariable } from '../../wire/assignment.ts';
import { POD_PATHS, pathsBeside } from '../../wire/pod-paths.ts';
import type { EnvVar } from '../../crds/environment.ts';
import { ANNOTATION, API_VERSION, identityOf, jobName, LABEL, sha256, trialName } from '../../crds/names.ts';
import type { UidRange } from '../../crds/namespace-rules.ts';
import { present } from '../../crds/present.ts';
import { gpusFor, type Gpus } from '../../crds/gpus.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { mapRoles, rolesOf, type ByRole, type ImageRole } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Job } from '../../kube/kinds.ts';
import type { ReadyImage } from '../../images/image.ts';
import {
  BROKER_TOKEN,
  brokerEnv,
  TOKEN_FOLDER,
  type Broker,
  type EnvEntry,
} from '../../pods/building/env.ts';
import { attemptJob } from '../../pods/building/job.ts';
import { podSpec, type ContainerLayout } from '../../pods/building/layout.ts';
import { regradedAnnotation } from '../../pods/regraded.ts';
import { verifierAnnotations, type VerifierImages } from '../../pods/verifier-images.ts';
import { assignedUsers } from './sole-user.ts';
import type { PodSpec } from '../../pods/reading/containers.ts';
import type { Source } from '../../results/source.ts';
import { podNetworkOf, type CompiledEnvironment } from '../../tasks/index.ts';
import type { CompiledTrial } from './observed.ts';
import { CONTROL, COURIER_DISK, type AgentVolumes, type Volume } from './volumes.ts';
import { mountsOfCourier, servicesOf, verifiersOf, workContainers } from './work-containers.ts';

/** What every Pod needs to know of this installation. */
export interface PodSettings extends Broker {
  /** The operator's own image, which brings the courier. */
  courierImage: string;
  /** Secrets of the Trial's namespace that both images are pulled with. */
  imagePullSecrets: string[];
  /** Whether the cluster's nodes can give a Pod a user namespace of its own. */
  userNamespaces: boolean;
  gpus: Gpus;
  /** How the files of an agent's program come into its container: an image is mounted, or its files are copied. */
  agentVolumes: AgentVolumes;
}

/**
 * User and group of the courier; nothing else in the Pod may run as it, for it could read what the courier stages. Debian reserves 65000 to
 * 65533, so that no image has users there by itself; distroless images have 65532; user namespaces map nothing above 65535. Which one is
 * drawn for each attempt, so that no image is made to meet it; two attempts may have the same.
 */
const COURIER_UIDS = { first: 65_000, count: 500 };
/** Time for a courier that is told to stop to store what there is. */
const GRACE_SECONDS = 45;
/** How long a node may be silent before its Pods are given up; Kubernetes' own default of 300 s makes every lost node cost five minutes. */
const NODE_SILENCE_SECONDS = 30;
const HOUR = 3600;

/** What a Job is made of beside its Trial. */
interface Making {
  images: ByRole<ReadyImage>;
  settings: PodSettings;
  taskContent?: string;
  /** The users of the Trial's namespace. */
  users?: UidRange;
  /** What a regrade judges again. */
  source?: Source;
}

/** The Job of one attempt. */
export function jobFor(given: CompiledTrial, attempt: number, making: Making): Job {
  const trial = making.images.program ? given : asInstalled(given);
  const { spec, metadata } = trial;
  const { settings, taskContent, users, source } = making;
  const draw = drawn(trial, attempt);
  const assigned = users && assignedUsers(spec, users, draw);
  const images = assigned ? runAs(making.images, assigned.image) : making.images;
  const courierUid = assigned?.courier ?? COURIER_UIDS.first + (draw % COURIER_UIDS.count);
  return attemptJob({
    owner: { kind: 'Trial', metadata },
    number: attempt,
    labels: { [LABEL.network]: podNetworkOf(spec.work), ...present({ [LABEL.run]: spec.run }) },
    annotations: {
      [ANNOTATION.trialName]: metadata.name,
      [ANNOTATION.logStream]: `/${trialName(identityOf(trial))}`,
      [ANNOTATION.imageConfig]: JSON.stringify(images.agent.config),
      ...verifierAnnotations(verifierImages(images)),
      ...(source && regradedAnnotation(source)),
    },
    pod: podOf(trial, images, { ...settings, courierUid }),
    job: {
      name: jobName(metadata.name, attempt),
      labels: present({ 'kueue.x-k8s.io/queue-name': spec.scheduling?.queueName }),
      annotations: present({
        [ANNOTATION.taskBuildName]: images.agent.taskBuild,
        [ANNOTATION.taskContent]: taskContent,
      }),
      blocksOwner: true,
      spec: {
        completions: 1,
        parallelism: 1,
        // Leaves the fact of a disruption on the Job, where it outlives the Pod.
        podFailurePolicy: {
          rules: [{ action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
        },
        // The reward is on the Trial long before; without files in the bucket the Pod's log is the only one.
        ttlSecondsAfterFinished: spec.uploadResults ? HOUR : 24 * HOUR,
      },
    },
  });
}

/** A program of which there is no image is installed by root, as by a script of the Trial's. */
const asInstalled = (trial: CompiledTrial): CompiledTrial => {
  const { agent, regrade } = trial.spec;
  const installs = !regrade && agentFacts(agent.name)?.program !== undefined;
  return installs ? { ...trial, spec: { ...trial.spec, agent: { ...agent, install: '' } } } : trial;
};

/** The cluster's name servers are closed to it like everything else: names are the broker's to look up. */
const NO_NAMES: Partial<PodSpec> = { dnsPolicy: 'None', dnsConfig: { nameservers: ['127.0.0.1'] } };

/** Every service is on the Pod's own loopback, whatever it is called. */
function namesOf({ services }: CompiledTrial['spec']): Partial<PodSpec> {
  const hostnames = [...new Set(services.flatMap(({ names }) => names))];
  return hostnames.length === 0 ? {} : { hostAliases: [{ ip: '127.0.0.1', hostnames }] };
}

const verifierImages = (images: ByRole<ReadyImage>): VerifierImages =>
  Object.fromEntries(
    rolesOf(images).flatMap(([role, { config, taskBuild }]) =>
      role === 'agent' || role === 'program' ? [] : [[role, { config, ...present({ taskBuild }) }]],
    ),
  );

/** A number for each attempt. */
const drawn = ({ metadata }: Trial, attempt: number): number =>
  Number.parseInt(sha256(`${metadata.uid} ${attempt}`).slice(0, 8), 16);

const runAs = (images: ByRole<ReadyImage>, user: string): ByRole<ReadyImage> =>
  mapRoles(images, (image) => ({ ...image, config: { ...image.config, user } }));

type AttemptSettings = PodSettings & { courierUid: number };

/** What Docker sets for every container, and not every kubelet: everybody may ping and serve on any port. */
const sysctls = ({ userNamespaces }: PodSettings) => [
  // The kernel refuses groups that a user namespace does not have.
  { name: 'net.ipv4.ping_group_range', value: userNamespaces ? '0 65535' : '0 2147483647' },
  { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' },
];

/** User namespaces map no users and no groups above it. */
const MAPPED_MAX = 65_535;

function podOf(trial: CompiledTrial, images: ByRole<ReadyImage>, given: AttemptSettings): PodSpec {
  const { task } = trial.spec;
  const working = workContainers(trial, { images, gpus: given.gpus, agentVolumes: given.agentVolumes });
  const ids = working.containers.flatMap(({ user = 0, group = 0 }) => [user, group]);
  const areMapped = Math.max(given.courierUid, ...ids) <= MAPPED_MAX;
  const settings = { ...given, userNamespaces: given.userNamespaces && areMapped };
  return podSpec<Volume>({
    terminationGracePeriodSeconds: GRACE_SECONDS,
    securityContext: { sysctls: sysctls(settings) },
    ...(settings.userNamespaces && { hostUsers: false }),
    ...(settings.imagePullSecrets.length > 0 && {
      imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })),
    }),
    ...placement(trial.spec, settings),
    ...(podNetworkOf(trial.spec.work) === 'restricted' && NO_NAMES),
    ...namesOf(trial.spec),
    containers: [courier(trial, settings), ...working.containers],
    volumes: {
      control: CONTROL,
      logs: undefined,
      scratch: { emptyDir: { sizeLimit: COURIER_DISK } },
      token: BROKER_TOKEN,
      task: task.configMap && { configMap: { name: task.configMap.name } },
      tests: undefined,
      solution: undefined,
      ...working.volumes,
    },
  });
}

/** Where the Pod runs, and by what runtime. */
function placement(spec: CompiledTrial['spec'], { gpus: known }: PodSettings): Partial<PodSpec> {
  const { environment, scheduling = {} } = spec;
  const [gpus] = runningIn(spec).flatMap((one) => gpusFor(one, known) ?? []);
  return {
    ...present({
      runtimeClassName: environment.runtimeClassName,
      nodeSelector: scheduling.nodeSelector,
      priorityClassName: scheduling.priorityClassName,
    }),
    ...(gpus && gpus.nodeSelectors.length > 0 && { affinity: { nodeAffinity: onAnyOf(gpus.nodeSelectors) } }),
    tolerations: [
      ...(scheduling.tolerations ?? []),
      ...tolerationOf(gpus, scheduling.tolerations),
      ...['not-ready', 'unreachable'].map((state) => ({
        key: `node.kubernetes.io/${state}`,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: NODE_SILENCE_SECONDS,
      })),
    ],
  };
}

/** The environments that have a container; those of separate verifiers ask for no more than the agent's, but where that has none. */
const runningIn = ({ regrade, environments }: CompiledTrial['spec']): CompiledEnvironment[] =>
  rolesOf(environments).flatMap(([role, environment]) =>
    (role === 'agent') === (regrade === undefined) ? [environment] : [],
  );

/** Nodes with GPUs are often kept free of everybody else. */
const tolerationOf = (gpus: ReturnType<typeof gpusFor>, own: PodSpec['tolerations'] = []) =>
  !gpus || own.some(({ key }) => key === gpus.resource)
    ? []
    : [{ key: gpus.resource, operator: 'Exists', effect: 'NoSchedule' }];

type NodeAffinity = NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']>;

const onAnyOf = (nodeSelectors: readonly Record<string, string>[]): NodeAffinity => ({
  requiredDuringSchedulingIgnoredDuringExecution: {
    nodeSelectorTerms: nodeSelectors.map((labels) => ({
      matchExpressions: Object.entries(labels).map(([key, value]) => ({
        key,
        operator: 'In',
        values: [value],
      })),
    })),
  },
});

/** It runs before, beside and after the task container. */
function courier({ spec }: CompiledTrial, settings: AttemptSettings): ContainerLayout<Volume> {
  const beside = [...verifiersOf(spec), ...servicesOf(spec)];
  return {
    role: 'courier',
    image: settings.courierImage,
    user: settings.courierUid,
    // A small young generation: with 10,000 output files V8 would otherwise let the heap grow by a third.
    command: ['node', '--max-semi-space-size=1', '/app/courier.js', spec.regrade ? 'regrade' : 'trial'],
    env: [
      ...brokerEnv(settings),
      ...secrets(spec.work.flatMap(({ agent, verifier }) => [...agent.env, ...verifier.env])),
    ],
    // The kubelet starts the task container only when this is through, so sbd is there.
    lifecycle: {
      postStart: {
        exec: {
          command: [
            '/opt/sb/sbd',
            'copy',
            POD_PATHS.control,
            ...beside.map((role) => pathsBeside(role).control),
          ],
        },
      },
    },
    mounts: [
      { volume: 'control', path: POD_PATHS.control },
      // Of a regrade it lays out there what the agent left.
      { volume: 'logs', path: POD_PATHS.logs, ...(!spec.regrade && { readOnly: true }) },
      // The unpacked task: what the task container may see of it is put under /sb when its phase begins.
      { volume: 'scratch', path: '/tmp' },
      { volume: 'token', path: TOKEN_FOLDER, readOnly: true },
      { volume: 'task', path: POD_PATHS.task, readOnly: true },
      ...beside.flatMap((role) => mountsOfCourier(role)),
    ],
  };
}

/** Only the references, each once: the kubelet fills the values into the courier, which hands them to the phases that may see them. */
const secrets = (env: EnvVar[]): EnvEntry[] => {
  const entries = env.flatMap(({ secretKeyRef }): [string, EnvEntry][] => {
    if (!secretKeyRef) return [];
    const { name, key } = secretKeyRef;
    const variable = secretVariable(secretKeyRef);
    return [[variable, { name: variable, valueFrom: { secretKeyRef: { name, key } } }]];
  });
  return [...new Map(entries).values()];
};

/** The shared TaskBuild; nobody owns it, because other Trials use it too. */
export function taskBuildFor(trial: CompiledTrial, role: ImageRole, name: string): TaskBuild {
  const template = trial.spec.environments[role]?.build;
  if (!template) throw new Error(`Trial ${trial.metadata.name} builds no image for ${role}`);
  return {
    apiVersion: API_VERSION,
    kind: 'TaskBuild',
    metadata: { name, namespace: trial.metadata.namespace ?? '' },
    spec: { ...template, force: false, cancelled: false },
  };
}

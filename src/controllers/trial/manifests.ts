/** Pure: the Kubernetes objects of a Trial. */
import { agentFacts } from '../../crds/agents.ts';
import { secretVariable } from '../../wire/assignment.ts';
import { POD_PATHS, pathsBeside } from '../../wire/pod-paths.ts';
import type { EnvVar } from '../../crds/environment.ts';
import { ANNOTATION, API_VERSION, identityOf, jobName, LABEL, trialName } from '../../crds/names.ts';
import type { UidRange } from '../../crds/namespace-rules.ts';
import { present } from '../../crds/present.ts';
import { gpusFor, type Gpus } from '../../crds/gpus.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { mapRoles, rolesOf, type ByRole, type ImageRole } from '../../crds/trial-status.ts';
import type { Job } from '../../kube/kinds.ts';
import type { ReadyImage } from '../../images/image.ts';
import {
  courierContainer,
  courierUidOf,
  drawn,
  GIVES_SILENT_NODES_UP,
  NO_NAMES,
  podBasis,
  RUNS_ONCE,
  type CourierSettings,
} from '../../pods/building/beside-courier.ts';
import { BROKER_TOKEN, TOKEN_FOLDER, type EnvEntry } from '../../pods/building/env.ts';
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
export interface PodSettings extends CourierSettings {
  gpus: Gpus;
  /** How the files of an agent's program come into its container: an image is mounted, or its files are copied. */
  agentVolumes: AgentVolumes;
}

/** Time for a courier that is told to stop to store what there is. */
const GRACE_SECONDS = 45;
/** How long a Job that has ended stays, with its Pod: its files are in the bucket, or the Pod's log is all there is. */
const KEPT_SECONDS = { stored: 600, unstored: 86_400 };

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
  const draw = drawn(trial.metadata, attempt);
  const assigned = users && assignedUsers(spec, users, draw);
  const images = assigned ? runAs(making.images, assigned.image) : making.images;
  const courierUid = assigned?.courier ?? courierUidOf(draw);
  return attemptJob({
    owner: { kind: 'Trial', metadata },
    number: attempt,
    labels: {
      ...settings.costLabels,
      [LABEL.network]: podNetworkOf(spec.work),
      ...present({ [LABEL.run]: spec.run }),
    },
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
        ...RUNS_ONCE,
        ttlSecondsAfterFinished: spec.uploadResults ? KEPT_SECONDS.stored : KEPT_SECONDS.unstored,
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

const runAs = (images: ByRole<ReadyImage>, user: string): ByRole<ReadyImage> =>
  mapRoles(images, (image) => ({ ...image, config: { ...image.config, user } }));

type AttemptSettings = PodSettings & { courierUid: number };

function podOf(trial: CompiledTrial, images: ByRole<ReadyImage>, settings: AttemptSettings): PodSpec {
  const { task } = trial.spec;
  const working = workContainers(trial, { images, gpus: settings.gpus, agentVolumes: settings.agentVolumes });
  const ids = working.containers.flatMap(({ user = 0, group = 0 }) => [user, group]);
  return podSpec<Volume>({
    terminationGracePeriodSeconds: GRACE_SECONDS,
    ...podBasis(settings, [settings.courierUid, ...ids]),
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
      ...GIVES_SILENT_NODES_UP,
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
    ...courierContainer(settings, {
      uid: settings.courierUid,
      program: spec.regrade ? 'regrade' : 'trial',
      env: secrets(spec.work.flatMap(({ agent, verifier }) => [...agent.env, ...verifier.env])),
      beside: beside.map((role) => pathsBeside(role).control),
    }),
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

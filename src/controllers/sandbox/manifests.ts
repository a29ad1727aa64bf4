/** Pure: the Kubernetes objects of a Sandbox. */
import { ANNOTATION, API_VERSION, bounded, claimName, LABEL, sandboxJobName } from '../../crds/names.ts';
import type { EnvVar } from '../../crds/environment.ts';
import type { UidRange } from '../../crds/namespace-rules.ts';
import { present } from '../../crds/present.ts';
import { amountOf } from '../../crds/refusals.ts';
import { SANDBOX_RESOURCES, type Sandbox, type SandboxSpec, type SandboxVolume } from '../../crds/sandbox.ts';
import type { Quantity } from '../../crds/schema.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { ReadyImage } from '../../images/image.ts';
import type { Job, PersistentVolumeClaim } from '../../kube/kinds.ts';
import {
  courierContainer,
  courierUidOf,
  drawn,
  envEntries,
  GIVES_SILENT_NODES_UP,
  NO_NAMES,
  podBasis,
  quantities,
  RUNS_ONCE,
  serves,
  type CourierSettings,
} from '../../pods/building/beside-courier.ts';
import { BROKER_TOKEN, TOKEN_FOLDER } from '../../pods/building/env.ts';
import { attemptJob } from '../../pods/building/job.ts';
import { podSpec, type ContainerLayout, type VolumeSource } from '../../pods/building/layout.ts';
import { imageUserIn, numbersOf, usersFrom, type SoleUser } from '../../pods/building/users.ts';
import { madeWithAnnotation } from '../../pods/made-with.ts';
import { controlledBy } from '../../pods/ownership.ts';
import type { PodSpec } from '../../pods/reading/containers.ts';
import { POD_PATHS } from '../../wire/pod-paths.ts';
import { SANDBOX_PORT } from '../../wire/sandbox/names.ts';
import type { Making } from './decide.ts';

/** Time for what runs in the container to end, and for the courier to say goodbye. */
const GRACE_SECONDS = 30;
const HOUR = 3600;
/** For sbd and the courier's socket; files of the Sandbox go through neither. */
const CONTROL: VolumeSource = { emptyDir: { sizeLimit: '256Mi' } };

/** The Sandbox that a Job is made for, or the pool. */
const ownerOf = ({ metadata }: Sandbox) => ({ kind: 'Sandbox' as const, metadata });

interface JobMaking extends Making {
  number: number;
  settings: CourierSettings;
}

/** The Job of one attempt of a Sandbox. Where it belongs to a pool that has no Pod ready, it is as the pool's. */
export function jobFor(sandbox: Sandbox, making: JobMaking): Job {
  const { pool } = making;
  if (!pool) return job(sandbox, sandbox.spec, making);
  const env = merged(pool.spec.env, sandbox.spec.env);
  return job(sandbox, { ...pool.spec, env }, making);
}

/** A Job that a pool keeps ready. */
export const memberFor = (pool: Sandbox, making: JobMaking): Job =>
  job(pool, pool.spec, { ...making, labels: { [LABEL.pool]: bounded(pool.metadata.name) } });

/** The later one of two variables of one name. */
const merged = (...lists: (EnvVar[] | undefined)[]): EnvVar[] => [
  ...new Map(lists.flatMap((list = []) => list).map((variable) => [variable.name, variable])).values(),
];

function job(
  owner: Sandbox,
  shape: SandboxSpec,
  { image, number, settings, users, labels = {} }: JobMaking & { labels?: Record<string, string> },
): Job {
  const draw = drawn(owner.metadata, number);
  const { sole, courierUid } = usersOf(shape, image, { users, draw });
  const name = sandboxJobName(owner.metadata.name, number);
  return attemptJob({
    owner: ownerOf(owner),
    number,
    labels: { ...settings.costLabels, ...labels, [LABEL.network]: isPublic(shape) ? 'public' : 'restricted' },
    annotations: { [ANNOTATION.imageConfig]: JSON.stringify(image.config), ...madeWithAnnotation(shape) },
    pod: podOf({ shape, image, settings, sole, courierUid, claims: owner.metadata.name }),
    job: {
      name,
      labels: present({ 'kueue.x-k8s.io/queue-name': shape.scheduling?.queueName }),
      annotations: present({ [ANNOTATION.taskBuildName]: image.taskBuild }),
      blocksOwner: true,
      spec: { ...RUNS_ONCE, ttlSecondsAfterFinished: HOUR },
    },
  });
}

/** Whether it has the internet; what has not reaches the broker alone. */
export const isPublic = ({ network }: SandboxSpec): boolean => (network?.mode ?? 'Public') === 'Public';

/** The one user of the container, where there is one, and the courier's. */
function usersOf(
  shape: SandboxSpec,
  image: ReadyImage,
  { users, draw }: { users: UidRange | undefined; draw: number },
): { sole: SoleUser | undefined; courierUid: number } {
  const soleOf = (imageUser: string): SoleUser | undefined =>
    shape.allowPrivilegeEscalation === false ? numbersOf(shape.user ?? imageUser) : undefined;
  const own = users && soleOf(imageUserIn(users));
  const assigned = users && usersFrom(users, [own], draw);
  if (assigned) return { sole: own, courierUid: assigned.courier };
  return { sole: soleOf(image.config.user), courierUid: courierUidOf(draw) };
}

interface PodMaking {
  shape: SandboxSpec;
  image: ReadyImage;
  settings: CourierSettings;
  sole: SoleUser | undefined;
  courierUid: number;
  /** The Sandbox whose volumes they are. */
  claims: string;
}

type Volume = 'control' | 'scratch' | 'token' | `volume-${string}`;
type Mounts = ContainerLayout<Volume>['mounts'];

function podOf({ shape, image, settings, sole, courierUid, claims }: PodMaking): PodSpec {
  const { volumes = [] } = shape;
  const { securityContext, ...basis } = podBasis(settings, [courierUid, sole?.user ?? 0, sole?.group ?? 0]);
  return podSpec<Volume>({
    terminationGracePeriodSeconds: GRACE_SECONDS,
    securityContext: {
      ...securityContext,
      ...(volumes.length > 0 && groupOf(shape.user ?? image.config.user)),
    },
    ...basis,
    ...placement(shape),
    ...(!isPublic(shape) && NO_NAMES),
    containers: [courier(settings, courierUid), container(shape, image, sole)],
    volumes: {
      control: CONTROL,
      scratch: CONTROL,
      token: BROKER_TOKEN,
      ...Object.fromEntries(volumes.map(({ name }) => [`volume-${name}`, claimed(claimName(claims, name))])),
    },
  });
}

function placement({ runtimeClassName, scheduling = {} }: SandboxSpec): Partial<PodSpec> {
  const { nodeSelector, priorityClassName, tolerations = [] } = scheduling;
  return {
    ...present({ runtimeClassName, nodeSelector, priorityClassName }),
    tolerations: [...tolerations, ...GIVES_SILENT_NODES_UP],
  };
}

const claimed = (name: string): VolumeSource => ({ persistentVolumeClaim: { claimName: name } });

/** A new disk is root's; the group of whoever works there may write it. */
function groupOf(user: string): { fsGroup?: number } {
  const numbers = numbersOf(user);
  return numbers ? { fsGroup: numbers.group ?? numbers.user } : {};
}

const courier = (settings: CourierSettings, uid: number): ContainerLayout<Volume> => ({
  ...courierContainer(settings, { uid, program: 'sandbox' }),
  ports: [{ name: 'sandbox', containerPort: SANDBOX_PORT, protocol: 'TCP' }],
  mounts: [
    { volume: 'control', path: POD_PATHS.control },
    { volume: 'scratch', path: '/tmp' },
    { volume: 'token', path: TOKEN_FOLDER, readOnly: true },
  ],
});

/** It is called as that of a Trial, and gets no credential of ours. */
function container(
  shape: SandboxSpec,
  image: ReadyImage,
  sole: SoleUser | undefined,
): ContainerLayout<Volume> {
  const { env = [], volumes = [] } = shape;
  const mounts: Mounts = volumes.map(({ name, mountPath }) => ({
    volume: `volume-${name}`,
    path: mountPath,
  }));
  return {
    role: 'task',
    image: image.reference,
    command: serves(),
    workingDir: '/',
    allowPrivilegeEscalation: shape.allowPrivilegeEscalation ?? true,
    env: envEntries(env),
    resources: resourcesOf(shape.resources),
    ...sole,
    mounts: [{ volume: 'control', path: POD_PATHS.control, readOnly: true }, ...mounts],
  };
}

type Amounts = Record<string, Quantity | undefined>;

/** What is given, and the defaults, none of which contradicts what is given. */
export function resourcesOf({ requests = {}, limits = {} }: NonNullable<SandboxSpec['resources']> = {}) {
  const [asked, most]: [Amounts, Amounts] = [requests, limits];
  const known: [Amounts, Amounts] = [SANDBOX_RESOURCES.requests, SANDBOX_RESOURCES.limits];
  const names = Object.keys(SANDBOX_RESOURCES.requests);
  return {
    requests: quantities(
      Object.fromEntries(names.map((name) => [name, asked[name] ?? smaller(known[0][name], most[name])])),
    ),
    limits: quantities(
      Object.fromEntries(names.map((name) => [name, most[name] ?? larger(known[1][name], asked[name])])),
    ),
  };
}

const smaller = (ours: Quantity = 0, given: Quantity | undefined): Quantity =>
  given !== undefined && amountOf(given) < amountOf(ours) ? given : ours;
const larger = (ours: Quantity = 0, given: Quantity | undefined): Quantity =>
  given !== undefined && amountOf(given) > amountOf(ours) ? given : ours;

/** The disk of a volume; it is deleted with the Sandbox. */
export const claimFor = (
  sandbox: Sandbox,
  { name, size, accessMode, storageClassName }: SandboxVolume,
): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    name: claimName(sandbox.metadata.name, name),
    namespace: sandbox.metadata.namespace ?? '',
    labels: { [LABEL.sandbox]: bounded(sandbox.metadata.name) },
    ownerReferences: [controlledBy(ownerOf(sandbox))],
  },
  spec: {
    accessModes: [accessMode],
    resources: { requests: { storage: String(size) } },
    ...present({ storageClassName }),
  },
});

/** The TaskBuild that everybody with this content shares; nobody owns it. */
export function taskBuildFor({ metadata, spec }: Sandbox, name: string): TaskBuild {
  if (!spec.build) throw new Error(`Sandbox ${metadata.name} builds no image`);
  return {
    apiVersion: API_VERSION,
    kind: 'TaskBuild',
    metadata: { name, namespace: metadata.namespace ?? '' },
    spec: { ...spec.build, force: false, cancelled: false },
  };
}

/** The patch by which a Sandbox takes a Job of a pool: it holds only for the version that was seen. The Pod stays as it is. */
export const adoption = (sandbox: Sandbox, { metadata }: Job): object => ({
  metadata: {
    resourceVersion: metadata.resourceVersion,
    labels: { [LABEL.sandbox]: bounded(sandbox.metadata.name) },
    ownerReferences: [{ ...controlledBy(ownerOf(sandbox)), blockOwnerDeletion: true }],
  },
});

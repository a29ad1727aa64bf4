/** Pure: what a Pod has in which a courier runs beside an image, of Trials and Sandboxes alike. */
import type { EnvVar } from '../../crds/environment.ts';
import { sha256 } from '../../crds/names.ts';
import type { Quantity } from '../../crds/schema.ts';
import type { Job } from '../../kube/kinds.ts';
import type { ObjectMeta } from '../../kube/types.ts';
import { HAND_SOCKET, POD_PATHS, SBD } from '../../wire/pod-paths.ts';
import type { PodSpec } from '../reading/containers.ts';
import { brokerEnv, literal, type Broker, type EnvEntry } from './env.ts';
import type { ContainerLayout } from './layout.ts';

/** What such a Pod needs to know of this installation. */
export interface CourierSettings extends Broker {
  /** The operator's own image, which brings the courier. */
  courierImage: string;
  /** Secrets of the Pod's namespace that both images are pulled with. */
  imagePullSecrets: string[];
  /** Whether the cluster's nodes can give a Pod a user namespace of its own. */
  userNamespaces: boolean;
  /** Labels of the Pod for whoever adds up costs. */
  costLabels?: Record<string, string>;
}

/**
 * User and group of the courier; nothing else in the Pod may run as it, for it could read what the courier stages. Debian reserves 65000 to
 * 65533, so that no image has users there by itself; distroless images have 65532; user namespaces map nothing above 65535. Which one is
 * drawn for each attempt, so that no image is made to meet it; two attempts may have the same.
 */
const COURIER_UIDS = { first: 65_000, count: 500 };

/** A number for each attempt of an object. */
export const drawn = ({ uid }: ObjectMeta, attempt: number): number =>
  Number.parseInt(sha256(`${uid} ${attempt}`).slice(0, 8), 16);

export const courierUidOf = (draw: number): number => COURIER_UIDS.first + (draw % COURIER_UIDS.count);

/** A Job of one Pod. */
export const RUNS_ONCE: Omit<NonNullable<Job['spec']>, 'template'> = {
  completions: 1,
  parallelism: 1,
  // Leaves the fact of a disruption on the Job, where it outlives the Pod.
  podFailurePolicy: {
    rules: [{ action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
  },
};

/** How long a node may be silent before its Pods are given up; Kubernetes' own default of 300 s makes every lost node cost five minutes. */
const NODE_SILENCE_SECONDS = 30;

export const GIVES_SILENT_NODES_UP = ['not-ready', 'unreachable'].map((state) => ({
  key: `node.kubernetes.io/${state}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: NODE_SILENCE_SECONDS,
}));

/** The cluster's name servers are closed to such a Pod like everything else: names are the broker's to look up. */
export const NO_NAMES: Partial<PodSpec> = { dnsPolicy: 'None', dnsConfig: { nameservers: ['127.0.0.1'] } };

/** User namespaces map no users and no groups above it. */
const MAPPED_MAX = 65_535;

/** What is said of the Pod as a whole. `ids`: users and groups of its containers. */
export function podBasis(
  { imagePullSecrets, ...settings }: CourierSettings,
  ids: readonly number[],
): Pick<PodSpec, 'hostUsers' | 'imagePullSecrets'> & { securityContext: { sysctls: Sysctl[] } } {
  const userNamespaces = settings.userNamespaces && Math.max(...ids) <= MAPPED_MAX;
  return {
    securityContext: { sysctls: sysctls(userNamespaces) },
    ...(userNamespaces && { hostUsers: false }),
    ...(imagePullSecrets.length > 0 && { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
  };
}

interface Sysctl {
  name: string;
  value: string;
}

/** What Docker sets for every container, and not every kubelet: everybody may ping and serve on any port. */
const sysctls = (userNamespaces: boolean): Sysctl[] => [
  // The kernel refuses groups that a user namespace does not have.
  { name: 'net.ipv4.ping_group_range', value: userNamespaces ? '0 65535' : '0 2147483647' },
  { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' },
];

interface CourierProgram {
  uid: number;
  /** What the courier is started as: `trial`, `regrade` or `sandbox`. */
  program: string;
  env?: EnvEntry[];
  /** Control volumes of other containers than the first, as the courier has them. */
  beside?: string[];
}

/**
 * For Node. A small young generation: with 10,000 output files V8 would otherwise let the heap grow by a third. Without its last compiler, which
 * takes 10 MiB to make what is run often faster: a courier runs nothing often that is not Node's own. The Dockerfile compiles with the same.
 */
const COURIER_FLAGS = ['--max-semi-space-size=1', '--no-turbofan'];

/** It runs before, beside and after the image. */
export const courierContainer = (
  settings: CourierSettings,
  { uid, program, env = [], beside = [] }: CourierProgram,
): Omit<ContainerLayout<never>, 'mounts'> => ({
  role: 'courier',
  image: settings.courierImage,
  user: uid,
  command: ['node', ...COURIER_FLAGS, '/app/courier.js', program],
  // Otherwise each of Node's threads keeps memory of its own that was freed.
  env: [...brokerEnv(settings), { name: 'MALLOC_ARENA_MAX', value: '1' }, ...env],
  // The kubelet starts the other containers only when this is through, so sbd is there.
  lifecycle: {
    postStart: { exec: { command: ['/opt/sb/sbd', 'copy', POD_PATHS.control, ...beside] } },
  },
});

/** Command of a container whose first process is sbd. `readable`: a folder that the courier reads at the end. */
export const serves = (readable?: string): string[] => [
  SBD,
  'serve',
  '--socket',
  `${POD_PATHS.control}/${HAND_SOCKET}`,
  ...(readable === undefined ? [] : ['--readable', readable]),
];

/** Variables as a container has them: values as they are, secrets by reference. */
export const envEntries = (env: readonly EnvVar[]): EnvEntry[] =>
  env.map(({ name, value, secretKeyRef }) =>
    secretKeyRef
      ? { name, valueFrom: { secretKeyRef: { ...secretKeyRef } } }
      : { name, value: literal(value ?? '') },
  );

/** Amounts as a container has them, without those that nobody has given. */
export const quantities = (amounts: Record<string, Quantity | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(amounts).flatMap(([name, amount]) =>
      amount === undefined ? [] : [[name, String(amount)]],
    ),
  );

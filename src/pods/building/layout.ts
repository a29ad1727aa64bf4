/** Pure: a Pod, rendered from the list of its containers. Another kind of container is another role here and another entry in such a list. */
import { amountOf } from '../../crds/refusals.ts';
import type { Quantity } from '../../crds/schema.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import type { Container, PodSpec } from '../reading/containers.ts';

/** What a container of ours is there for; it is called so, too, unless there are several of it. */
export type Role = keyof typeof CONTAINERS;

type Resources = NonNullable<Container['resources']>;
type Security = NonNullable<Container['securityContext']>;

interface Traits {
  /** `sidecar`: beside all others, from before they start until they have ended · `init`: to its end before the main ones start. */
  place: 'sidecar' | 'init' | 'main';
  /** `ours`: a program that needs no rights · `image`: whatever is in an image, which expects what Docker gives. */
  runs: 'ours' | 'image';
  /** What it gets where its entry says nothing. */
  resources?: Resources;
  /** Bytes of memory that our own program in it takes, beside what its entry says: the image's programs get all of that. */
  ownMemory?: number;
}

const BUILDING = {
  requests: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '1Gi' },
  limits: { 'ephemeral-storage': '10Gi' },
};

const SBD_MEMORY = 8 * 2 ** 20;

export const ROLES = {
  courier: {
    place: 'sidecar',
    runs: 'ours',
    resources: {
      requests: { cpu: '50m', memory: '80Mi', 'ephemeral-storage': '256Mi' },
      limits: { memory: '512Mi', 'ephemeral-storage': '4Gi' },
    },
  },
  task: { place: 'main', runs: 'image', ownMemory: SBD_MEMORY },
  verifier: { place: 'main', runs: 'image', ownMemory: SBD_MEMORY },
  service: { place: 'sidecar', runs: 'image', ownMemory: SBD_MEMORY },
  fill: {
    place: 'init',
    runs: 'image',
    resources: {
      requests: { cpu: '50m', memory: '32Mi', 'ephemeral-storage': '64Mi' },
      limits: { 'ephemeral-storage': '1Gi' },
    },
  },
  context: { place: 'init', runs: 'ours', resources: BUILDING },
  build: { place: 'main', runs: 'ours', resources: BUILDING },
} as const satisfies Record<Role, Traits>;

const SECURITY = {
  ours: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
  // It starts as root, because every phase drops to its own user. Docker's default without MKNOD: device nodes cannot be opened anyway.
  // Decision 0023 says why the rest stays.
  image: { runAsUser: 0, runAsGroup: 0, capabilities: { drop: ['MKNOD'] } },
  // All that Pod Security `restricted` asks of a container.
  oneUser: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
} satisfies Record<Traits['runs'] | 'oneUser', Security>;

export type VolumeSource = Omit<NonNullable<PodSpec['volumes']>[number], 'name'>;

type Volumes<Volume extends string> = { [name in Volume]?: VolumeSource | undefined };

/** A volume that the Pod does not have is not mounted. */
interface Mount<Volume extends string> {
  volume: Volume;
  path: string;
  readOnly?: true;
}

/** One container of a Pod. `Volume`: the names of the Pod's volumes. */
export interface ContainerLayout<Volume extends string> extends Pick<
  Container,
  'command' | 'args' | 'workingDir' | 'env' | 'lifecycle' | 'ports' | 'resources' | 'terminationMessagePolicy'
> {
  role: Role;
  /** Missing: as its role. */
  name?: string;
  /** The main containers start when it has ended, with exit code 0. */
  first?: true;
  image: string;
  /** User that it runs as, where that is not the Pod's; never root. An image's programs can then be no other user, and need no rights. */
  user?: number;
  /** Missing: of our own programs, the number of the user; of an image, the group that it has for the user. */
  group?: number;
  /** False: nothing in it gains rights by a file's setuid bit or capabilities (`no_new_privs`). */
  allowPrivilegeEscalation?: boolean;
  mounts: Mount<Volume>[];
}

type Rendered = 'initContainers' | 'containers' | 'volumes' | keyof typeof BASE;

/** A Pod: its containers in the order in which they start, and what is said of it as a whole. */
export interface PodLayout<Volume extends string> extends Omit<PodSpec, Rendered> {
  containers: ContainerLayout<NoInfer<Volume>>[];
  volumes: Volumes<Volume>;
}

/** No Pod of ours gets a ServiceAccount's token or the addresses of Services, and none is started again. */
const BASE = { restartPolicy: 'Never', automountServiceAccountToken: false, enableServiceLinks: false };

export function podSpec<Volume extends string>(layout: PodLayout<Volume>): PodSpec {
  const { containers, volumes, securityContext, ...rest } = layout;
  const placed = (...places: Traits['place'][]): Container[] =>
    containers
      .filter((container) => places.includes(placeOf(container)))
      .map((container) => containerOf(container, volumes));
  return {
    ...BASE,
    ...rest,
    securityContext: { ...securityContext, seccompProfile: { type: 'RuntimeDefault' } },
    initContainers: placed('sidecar', 'init'),
    containers: placed('main'),
    volumes: Object.entries<VolumeSource | undefined>(volumes).flatMap(([name, source]) =>
      source ? [{ name, ...source }] : [],
    ),
  };
}

const placeOf = ({ role, first }: Pick<ContainerLayout<string>, 'role' | 'first'>): Traits['place'] =>
  first ? 'init' : ROLES[role].place;

function containerOf<Volume extends string>(
  { user, group, allowPrivilegeEscalation, mounts, ...layout }: ContainerLayout<Volume>,
  volumes: Volumes<Volume>,
): Container {
  const { role, first: _first, resources: own, ...container } = layout;
  const { place, runs, ownMemory = 0, ...traits }: Traits = ROLES[role];
  const resources = own ?? traits.resources;
  return {
    name: CONTAINERS[role],
    ...(resources && { resources: withMemory(resources, ownMemory) }),
    ...container,
    ...(place === 'sidecar' && { restartPolicy: 'Always' }),
    securityContext: {
      ...(user === undefined ? SECURITY[runs] : asUser(runs, user, group)),
      ...(allowPrivilegeEscalation === false && { allowPrivilegeEscalation }),
    },
    volumeMounts: mounts.flatMap(({ volume, path, readOnly }) =>
      volumes[volume] ? [{ name: volume, mountPath: path, ...(readOnly && { readOnly }) }] : [],
    ),
  };
}

const asUser = (runs: Traits['runs'], user: number, group?: number): Security => {
  const runAsGroup = group ?? (runs === 'ours' ? user : undefined);
  return {
    ...SECURITY[runs === 'image' ? 'oneUser' : runs],
    runAsUser: user,
    ...(runAsGroup !== undefined && { runAsGroup }),
    runAsNonRoot: true,
  };
};

/** So many bytes more, of the request and of the limit, where there is one. */
const withMemory = ({ requests, limits, ...rest }: Resources, bytes: number): Resources => ({
  ...rest,
  ...(requests && { requests: more(requests, 'memory', bytes) }),
  ...(limits && { limits: more(limits, 'memory', bytes) }),
});

/** Amounts with so many bytes more of one resource, where there is an amount of it. */
export function more<T extends Record<string, Quantity | undefined>>(
  amounts: T,
  resource: string,
  bytes: number,
): T {
  const amount = amounts[resource];
  return amount === undefined || bytes === 0
    ? amounts
    : { ...amounts, [resource]: quantityOf(amountOf(amount) + bytes) };
}

const MEBIBYTE = 2 ** 20;

/** In Mi where that is a whole number of them. */
const quantityOf = (bytes: number): string =>
  bytes % MEBIBYTE === 0 ? `${bytes / MEBIBYTE}Mi` : String(Math.ceil(bytes));

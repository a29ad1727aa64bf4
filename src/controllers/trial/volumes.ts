/** Pure: the volumes of a Trial's Pod, and what those that a compose file names begin with. */
import { mapRoles, type ByRole, type ServiceRole, type VerifierRole } from '../../crds/trial-status.ts';
import type { ReadyImage } from '../../images/image.ts';
import { literal } from '../../pods/building/env.ts';
import { more, ROLES, type ContainerLayout, type VolumeSource } from '../../pods/building/layout.ts';
import { PROGRAM_FOLDER, PROGRAM_PARTS } from '../../agents/agent.ts';
import type { CompiledEnvironment, CompiledSpec, EnvironmentMount } from '../../tasks/index.ts';
import { fillName, POD_PATHS, PROGRAM, SBD, VOLUMES } from '../../wire/pod-paths.ts';
import { agentUser, serviceUser } from './sole-user.ts';

/** Of the agent's container; those of a verifier's end in its name. */
type Own = 'control' | 'logs' | 'tests' | 'solution';
export type Volume =
  | Own
  | 'scratch'
  | 'token'
  | 'task'
  | 'program'
  | `${Own}-${VerifierRole | ServiceRole}`
  | `volume-${number}`
  | `memory-${number}`;

export type Volumes = { [volume in Volume]?: VolumeSource };

/** Disk for what the courier unpacks, and again for what it stages of that. */
export const COURIER_DISK = ROLES.courier.resources.limits['ephemeral-storage'];
export const PLACE = { emptyDir: { sizeLimit: COURIER_DISK } };
/** For sbd, the courier's socket and the agent's files. */
export const CONTROL = PLACE;

/** As much as the container may write elsewhere; beyond it the kubelet evicts, and that is the doing of who works there. */
export const logsOf = ({ resources }: CompiledEnvironment): VolumeSource => ({
  emptyDir: { sizeLimit: String(resources.limits['ephemeral-storage']) },
});

type Mounts = ContainerLayout<Volume>['mounts'];

/** What the compose file mounts, by the role of the container. */
export interface Shared {
  volumes: Volumes;
  mounts: ByRole<Mounts>;
}

/** A folder of the Pod for each volume that has a name, and one in memory for each tmpfs. Folders hold as much as the agent's container may write. */
export function sharedMounts({ environments }: CompiledSpec): Shared {
  const volumes: Volumes = {};
  const named = new Map<string, Volume>();
  const volumeOf = (mount: EnvironmentMount): Volume => {
    const at = Object.keys(volumes).length + 1;
    if (mount.kind === 'tmpfs') {
      const { bytes } = mount;
      volumes[`memory-${at}`] = {
        emptyDir: { medium: 'Memory', ...(bytes !== undefined && { sizeLimit: String(bytes) }) },
      };
      return `memory-${at}`;
    }
    const known = named.get(mount.volume) ?? (`volume-${at}` as const);
    named.set(mount.volume, known);
    volumes[known] = logsOf(environments.agent);
    return known;
  };
  const mounts = mapRoles(environments, ({ mounts: list = [] }) =>
    list.map((mount): Mounts[number] => ({
      volume: volumeOf(mount),
      path: mount.path,
      ...(mount.kind === 'volume' && mount.readOnly && { readOnly: true }),
    })),
  );
  return { volumes, mounts };
}

/** One for each service whose image is the first to have something at the place of a volume: they begin before everything else. */
export function fillContainers(
  spec: CompiledSpec,
  { images, shared }: { images: ByRole<ReadyImage>; shared: Shared },
): ContainerLayout<Volume>[] {
  const filled = new Set<Volume>();
  return spec.services.flatMap(({ name, role = 'agent' as const }) => {
    const { mounts = [] } = spec.environments[role] ?? {};
    const own = mounts.flatMap((mount, index) => {
      const { volume } = shared.mounts[role]?.[index] ?? {};
      if (mount.kind !== 'volume' || volume === undefined || filled.has(volume)) return [];
      filled.add(volume);
      return mount.nocopy ? [] : [{ volume, path: mount.path }];
    });
    const image = images[role];
    return own.length === 0 || !image ? [] : [fillContainer(spec, { name, role, image, own })];
  });
}

interface Filling {
  name: string;
  role: ServiceRole | 'agent';
  image: ReadyImage;
  /** Where the image has what goes into a volume. */
  own: { volume: Volume; path: string }[];
}

function fillContainer(spec: CompiledSpec, { name, role, image, own }: Filling): ContainerLayout<Volume> {
  const one = role === 'agent' ? agentUser(spec, image.config) : serviceUser(spec, role, image.config);
  const { allowPrivilegeEscalation = true } = spec.environments[role] ?? {};
  const placeOf = (volume: Volume): string => `${VOLUMES}/${volume}`;
  return {
    role: 'fill',
    name: fillName(name),
    image: image.reference,
    command: [SBD, 'fill', ...own.flatMap(({ path, volume }) => [literal(path), placeOf(volume)])],
    workingDir: '/',
    allowPrivilegeEscalation,
    ...one,
    mounts: [
      { volume: role === 'agent' ? 'control' : `control-${role}`, path: POD_PATHS.control, readOnly: true },
      ...own.map(({ volume }) => ({ volume, path: placeOf(volume) })),
    ],
  };
}

/** How the files of an agent's program come into its container. `Image` needs nodes that mount images (Kubernetes 1.35, containerd 2.1). */
export const AGENT_VOLUMES = ['Copy', 'Image'] as const;
export type AgentVolumes = (typeof AGENT_VOLUMES)[number];

/** The largest that is known of is under a gigabyte. */
const PROGRAM_DISK = { requests: 2 ** 30, limits: 2 ** 31 };

export interface ProgramParts {
  /** What copies it. */
  containers: ContainerLayout<Volume>[];
  volumes: Volumes;
  mounts: Mounts;
  /** Of the agent's container: what is copied is on the Pod's account, and the agent has no less for it. */
  roomFor: (environment: CompiledEnvironment) => CompiledEnvironment;
}

/** The agent's program, read-only in its container and in no other. */
export function programParts(
  spec: CompiledSpec,
  { images, agentVolumes }: { images: ByRole<ReadyImage>; agentVolumes: AgentVolumes },
): ProgramParts {
  const { program } = images;
  if (!program) return { containers: [], volumes: {}, mounts: [], roomFor: (environment) => environment };
  const mounts: Mounts = [{ volume: 'program', path: PROGRAM_FOLDER, readOnly: true }];
  if (agentVolumes === 'Image') {
    const image = { reference: program.reference, pullPolicy: 'IfNotPresent' };
    return { containers: [], volumes: { program: { image } }, mounts, roomFor: (environment) => environment };
  }
  const to = `${VOLUMES}/program`;
  const container: ContainerLayout<Volume> = {
    role: 'fill',
    name: PROGRAM,
    image: program.reference,
    command: [SBD, 'fill', ...PROGRAM_PARTS.flatMap((part) => [`/${part}`, `${to}/${part}`])],
    workingDir: '/',
    allowPrivilegeEscalation: false,
    ...agentUser(spec, images.agent.config),
    mounts: [
      { volume: 'control', path: POD_PATHS.control, readOnly: true },
      { volume: 'program', path: to },
    ],
  };
  return {
    containers: [container],
    volumes: { program: { emptyDir: { sizeLimit: String(PROGRAM_DISK.limits) } } },
    mounts,
    roomFor: withRoom,
  };
}

const withRoom = (environment: CompiledEnvironment): CompiledEnvironment => {
  const { requests, limits } = environment.resources;
  return {
    ...environment,
    resources: {
      requests: more(requests, 'ephemeral-storage', PROGRAM_DISK.requests),
      limits: more(limits, 'ephemeral-storage', PROGRAM_DISK.limits),
    },
  };
};

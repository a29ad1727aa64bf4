/** Pure: the containers of a Trial's Pod that run images of the task: the agent's, and one for each separate verifier; and their volumes. */
import { solves } from '../../crds/agents.ts';
import { gpusFor, type Gpus } from '../../crds/gpus.ts';
import type { Quantity } from '../../crds/schema.ts';
import { rolesOf, type ByRole, type VerifierRole } from '../../crds/trial-status.ts';
import type { ReadyImage } from '../../images/image.ts';
import { literal } from '../../pods/building/env.ts';
import { ROLES, type ContainerLayout, type VolumeSource } from '../../pods/building/layout.ts';
import type { CompiledEnvironment, CompiledSpec } from '../../tasks/index.ts';
import { HAND_SOCKET, POD_PATHS, SBD, verifierPaths } from '../../wire/pod-paths.ts';
import type { CompiledTrial } from './observed.ts';
import { agentUser, verifierUser, type SoleUser } from './sole-user.ts';

/** Of the agent's container; those of a verifier's end in its name. */
type Own = 'control' | 'logs' | 'tests' | 'solution';
export type Volume = Own | 'scratch' | 'token' | 'task' | `${Own}-${VerifierRole}`;

type Volumes = { [volume in Volume]?: VolumeSource };

/** Disk for what the courier unpacks, and again for what it stages of that. */
export const COURIER_DISK = ROLES.courier.resources.limits['ephemeral-storage'];
const PLACE = { emptyDir: { sizeLimit: COURIER_DISK } };
/** For sbd, the courier's socket and the agent's files. */
export const CONTROL = PLACE;

/** Separate verifiers, in the order of their steps. */
export const verifiersOf = ({ environments }: CompiledSpec): VerifierRole[] =>
  rolesOf(environments).flatMap(([role]) => (role === 'agent' ? [] : [role]));

/** Where the courier has the volumes of a verifier's container. */
export function mountsOfCourier(role: VerifierRole): ContainerLayout<Volume>['mounts'] {
  const { control, logs } = verifierPaths(role);
  return [
    { volume: `control-${role}`, path: control },
    { volume: `logs-${role}`, path: logs, readOnly: true },
  ];
}

/** What containers are made of beside the Trial. */
interface Making {
  images: ByRole<ReadyImage>;
  gpus: Gpus;
}

interface Working {
  containers: ContainerLayout<Volume>[];
  volumes: Volumes;
}

/**
 * The agent's container, and those of separate verifiers, which share no volume with it. The verifier of the only step is the main container, and
 * the agent's ends before it starts: so the Pod requests the larger of both, and nothing of the agent is left when the tests come. An agent of
 * several steps goes on in its container, beside those of the verifiers. The Pod of a regrade has the verifiers' alone.
 */
export function workContainers({ spec }: CompiledTrial, making: Making): Working {
  const roles = verifiersOf(spec);
  const agent = spec.regrade ? agentsPlace(spec) : agentContainer(spec, making, roles);
  const verifiers = roles.map((role) => verifierContainer(spec, making, role));
  return {
    containers: [agent, ...verifiers].flatMap(({ containers }) => containers),
    volumes: Object.assign({}, ...[agent, ...verifiers].map(({ volumes }) => volumes)) as Volumes,
  };
}

/** Of a regrade: what the agent left, without a container that could touch it. */
const agentsPlace = ({ environment }: CompiledSpec): Working => ({
  containers: [],
  volumes: { control: CONTROL, logs: logsOf(environment) },
});

function agentContainer(spec: CompiledSpec, { images, gpus }: Making, verifiers: VerifierRole[]): Working {
  const image = images.agent;
  const { environment, agent, work } = spec;
  const one = agentUser(spec, image.config);
  const isFirst = verifiers.includes('verifier');
  const isShared = work.some(({ verifier }) => verifier.role === undefined);
  return {
    containers: [
      {
        role: 'task',
        ...(isFirst && { first: true }),
        ...containerOf(environment, { image, gpus, one }),
        mounts: [
          { volume: 'control', path: POD_PATHS.control, readOnly: true },
          { volume: 'logs', path: POD_PATHS.logs },
          { volume: 'tests', path: POD_PATHS.tests },
          { volume: 'solution', path: POD_PATHS.solution },
        ],
      },
    ],
    volumes: {
      control: CONTROL,
      logs: logsOf(environment),
      // Who is not root makes no folder beside the image's own.
      ...(one && isShared && { tests: PLACE }),
      ...(one && solves(agent.name) && { solution: PLACE }),
    },
  };
}

function verifierContainer(spec: CompiledSpec, { images, gpus }: Making, role: VerifierRole): Working {
  const [environment, image] = [spec.environments[role], images[role]];
  if (!environment || !image) throw new Error(`there is no image of ${role}`);
  const one = verifierUser(spec, role, image.config);
  return {
    containers: [
      {
        role: 'verifier',
        name: role,
        ...containerOf(environment, { image, gpus, one }),
        mounts: [
          { volume: `control-${role}`, path: POD_PATHS.control, readOnly: true },
          { volume: `logs-${role}`, path: POD_PATHS.logs },
          { volume: `tests-${role}`, path: POD_PATHS.tests },
        ],
      },
    ],
    volumes: {
      [`control-${role}`]: CONTROL,
      [`logs-${role}`]: logsOf(environment),
      ...(one && !environment.hasTests && { [`tests-${role}`]: PLACE }),
    },
  };
}

/** As much as the container may write elsewhere; beyond it the kubelet evicts, and that is the doing of who works there. */
const logsOf = ({ resources }: CompiledEnvironment): VolumeSource => ({
  emptyDir: { sizeLimit: String(resources.limits['ephemeral-storage']) },
});

/** A container of the task's, which gets no credential. */
function containerOf(
  environment: CompiledEnvironment,
  { image, gpus: known, one }: { image: ReadyImage; gpus: Gpus; one: SoleUser | undefined },
): Omit<ContainerLayout<Volume>, 'role' | 'mounts'> {
  const { resources, env, allowPrivilegeEscalation } = environment;
  const gpus = gpusFor(environment, known);
  return {
    image: image.reference,
    command: [SBD, 'serve', '--socket', `${POD_PATHS.control}/${HAND_SOCKET}`, '--readable', POD_PATHS.logs],
    workingDir: '/',
    allowPrivilegeEscalation,
    env: env.map(({ name, value, secretKeyRef }) =>
      secretKeyRef
        ? { name, valueFrom: { secretKeyRef: { ...secretKeyRef } } }
        : { name, value: literal(value ?? '') },
    ),
    resources: {
      requests: quantities(resources.requests),
      limits: { ...quantities(resources.limits), ...(gpus && { [gpus.resource]: String(gpus.count) }) },
    },
    ...one,
  };
}

const quantities = (amounts: Record<string, Quantity | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(amounts).flatMap(([name, amount]) =>
      amount === undefined ? [] : [[name, String(amount)]],
    ),
  );

/** Pure: the containers of a Trial's Pod that run images of the task: the agent's, and one for each separate verifier and each service. */
import { solves } from '../../crds/agents.ts';
import { gpusFor, type Gpus } from '../../crds/gpus.ts';
import {
  isServiceRole,
  isVerifierRole,
  rolesOf,
  type ByRole,
  type ServiceRole,
  type VerifierRole,
} from '../../crds/trial-status.ts';
import type { ReadyImage } from '../../images/image.ts';
import { envEntries, quantities, serves } from '../../pods/building/beside-courier.ts';
import type { ContainerLayout } from '../../pods/building/layout.ts';
import type { CompiledEnvironment, CompiledSpec } from '../../tasks/index.ts';
import { pathsBeside, POD_PATHS } from '../../wire/pod-paths.ts';
import type { CompiledTrial } from './observed.ts';
import type { SoleUser } from '../../pods/building/users.ts';
import { agentUser, serviceUser, verifierUser } from './sole-user.ts';
import {
  CONTROL,
  fillContainers,
  logsOf,
  programParts,
  PLACE,
  sharedMounts,
  type AgentVolumes,
  type ProgramParts,
  type Shared,
  type Volume,
  type Volumes,
} from './volumes.ts';

/** Separate verifiers, in the order of their steps. */
export const verifiersOf = ({ environments }: CompiledSpec): VerifierRole[] =>
  rolesOf(environments).flatMap(([role]) => (isVerifierRole(role) ? [role] : []));

/** Services beside main, in the order in which they start. */
export const servicesOf = ({ environments }: CompiledSpec): ServiceRole[] =>
  rolesOf(environments).flatMap(([role]) => (isServiceRole(role) ? [role] : []));

/** Where the courier has the volumes of the container of a verifier or a service. */
export function mountsOfCourier(role: VerifierRole | ServiceRole): ContainerLayout<Volume>['mounts'] {
  const { control, logs } = pathsBeside(role);
  return [
    { volume: `control-${role}`, path: control },
    { volume: `logs-${role}`, path: logs, readOnly: true },
  ];
}

/** What containers are made of beside the Trial. */
interface Making {
  images: ByRole<ReadyImage>;
  gpus: Gpus;
  agentVolumes: AgentVolumes;
}

interface Working {
  containers: ContainerLayout<Volume>[];
  volumes: Volumes;
}

/**
 * The agent's container, and those of separate verifiers, which share no volume with it. The verifier of the only step is the main container, and
 * the agent's ends before it starts: so the Pod requests the larger of both, and nothing of the agent is left when the tests come. An agent of
 * several steps goes on in its container, beside those of the verifiers. Services are beside all of them, from before the agent's starts. The Pod
 * of a regrade has the verifiers' alone.
 */
export function workContainers({ spec }: CompiledTrial, making: Making): Working {
  const roles = verifiersOf(spec);
  const shared = sharedMounts(spec);
  const services = servicesOf(spec).map((role) => serviceContainer(spec, { ...making, shared }, role));
  const program = programParts(spec, making);
  const agent = spec.regrade
    ? agentsPlace(spec)
    : agentContainer(spec, { ...making, shared, program }, roles);
  const verifiers = roles.map((role) => verifierContainer(spec, making, role));
  const all = [...services, agent, ...verifiers];
  return {
    containers: [
      ...fillContainers(spec, { ...making, shared }),
      ...program.containers,
      ...all.flatMap(({ containers }) => containers),
    ],
    volumes: Object.assign(shared.volumes, program.volumes, ...all.map(({ volumes }) => volumes)) as Volumes,
  };
}

/** Of a regrade: what the agent left, without a container that could touch it. */
const agentsPlace = ({ environment }: CompiledSpec): Working => ({
  containers: [],
  volumes: { control: CONTROL, logs: logsOf(environment) },
});

function serviceContainer(
  spec: CompiledSpec,
  { images, gpus, shared }: Making & { shared: Shared },
  role: ServiceRole,
): Working {
  const [environment, image] = [spec.environments[role], images[role]];
  if (!environment || !image) throw new Error(`there is no image of ${role}`);
  const one = serviceUser(spec, role, image.config);
  return {
    containers: [
      {
        role: 'service',
        name: role,
        ...containerOf(environment, { image, gpus, one }),
        mounts: [
          { volume: `control-${role}`, path: POD_PATHS.control, readOnly: true },
          { volume: `logs-${role}`, path: POD_PATHS.logs },
          ...(shared.mounts[role] ?? []),
        ],
      },
    ],
    volumes: { [`control-${role}`]: CONTROL, [`logs-${role}`]: logsOf(environment) },
  };
}

function agentContainer(
  spec: CompiledSpec,
  { images, gpus, shared, program }: Making & { shared: Shared; program: ProgramParts },
  verifiers: VerifierRole[],
): Working {
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
        ...containerOf(program.roomFor(environment), { image, gpus, one }),
        mounts: [
          { volume: 'control', path: POD_PATHS.control, readOnly: true },
          { volume: 'logs', path: POD_PATHS.logs },
          { volume: 'tests', path: POD_PATHS.tests },
          { volume: 'solution', path: POD_PATHS.solution },
          ...program.mounts,
          ...shared.mounts.agent,
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

/** A container of the task's, which gets no credential. */
function containerOf(
  environment: CompiledEnvironment,
  { image, gpus: known, one }: { image: ReadyImage; gpus: Gpus; one: SoleUser | undefined },
): Omit<ContainerLayout<Volume>, 'role' | 'mounts'> {
  const { resources, env, allowPrivilegeEscalation } = environment;
  const gpus = gpusFor(environment, known);
  return {
    image: image.reference,
    command: serves(POD_PATHS.logs),
    workingDir: '/',
    allowPrivilegeEscalation,
    env: envEntries(env),
    resources: {
      requests: quantities(resources.requests),
      limits: { ...quantities(resources.limits), ...(gpus && { [gpus.resource]: String(gpus.count) }) },
    },
    ...one,
  };
}

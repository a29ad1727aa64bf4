/** Pure: the one user of everything in a container of a Trial's, where there is one, and who it is in a namespace that has users of its own. */
import type { ImageConfig } from '../../crds/image-config.ts';
import type { UidRange } from '../../crds/namespace-rules.ts';
import {
  isVerifierRole,
  rolesOf,
  serviceRole,
  type ImageRole,
  type ServiceRole,
  type VerifierRole,
} from '../../crds/trial-status.ts';
import {
  imageUserIn,
  numbersOf,
  usersFrom,
  type AssignedUsers,
  type SoleUser,
} from '../../pods/building/users.ts';
import type { CompiledEnvironment, CompiledSpec } from '../../tasks/index.ts';

type Image = Pick<ImageConfig, 'user'>;

/**
 * The user of entrypoint, healthchecks, agents, hooks and shared verifiers, where all of them are the same one, named by the same numbers, and it
 * is not root. The install script of an agent runs as root, so a Trial with one has no such user; and where privileges may be gained, as by sudo,
 * root has to be there to be become.
 */
export function agentUser(spec: CompiledSpec, image: Image): SoleUser | undefined {
  const { environment, agent, work } = spec;
  if (agent.install !== undefined) return undefined;
  const others = work.flatMap((step) => [
    step.agent,
    ...(step.verifier.disabled || step.verifier.role ? [] : [step.verifier]),
    ...step.hooks.filter(({ service }) => service === undefined),
  ]);
  return soleUser(environment, image, others);
}

/** The same of the container of a separate verifier. */
export function verifierUser(
  { environments, work }: CompiledSpec,
  role: VerifierRole,
  image: Image,
): SoleUser | undefined {
  const verifiers = work.map(({ verifier }) => verifier).filter((verifier) => verifier.role === role);
  return soleUser(environments[role] ?? environments.agent, image, verifiers);
}

/** The same of the container of a service. */
export function serviceUser(
  { environments, work }: CompiledSpec,
  role: ServiceRole,
  image: Image,
): SoleUser | undefined {
  const hooks = work.flatMap((step) =>
    step.hooks.filter(({ service }) => service !== undefined && serviceRole(service) === role),
  );
  return soleUser(environments[role] ?? environments.agent, image, hooks);
}

function userIn(spec: CompiledSpec, role: ImageRole, image: Image): SoleUser | undefined {
  if (role === 'agent' || role === 'program') return agentUser(spec, image);
  return isVerifierRole(role) ? verifierUser(spec, role, image) : serviceUser(spec, role, image);
}

function soleUser(
  { user, allowPrivilegeEscalation }: CompiledEnvironment,
  image: Image,
  others: { user?: string }[],
): SoleUser | undefined {
  const own = user ?? image.user;
  const isOnly = others.every((other) => (other.user ?? own) === own);
  return isOnly && !allowPrivilegeEscalation ? numbersOf(own) : undefined;
}

/**
 * Users out of the range, of a Trial each of whose containers can be one user's and names none outside of it; undefined for all others. `draw`: see
 * `usersFrom`.
 */
export function assignedUsers(spec: CompiledSpec, range: UidRange, draw: number): AssignedUsers | undefined {
  const image = { user: imageUserIn(range) };
  const working = rolesOf(spec.environments).flatMap(([role]) =>
    role === 'agent' && spec.regrade ? [] : [userIn(spec, role, image)],
  );
  return usersFrom(range, working, draw);
}

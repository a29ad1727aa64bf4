/** Pure: the one user of everything in a container of a Trial's, where there is one, and who it is in a namespace that has users of its own. */
import type { ImageConfig } from '../../crds/image-config.ts';
import { ID_MAX, type UidRange } from '../../crds/namespace-rules.ts';
import {
  isVerifierRole,
  rolesOf,
  serviceRole,
  type ImageRole,
  type ServiceRole,
  type VerifierRole,
} from '../../crds/trial-status.ts';
import type { CompiledEnvironment, CompiledSpec } from '../../tasks/index.ts';

/** By numbers; a name means what the image says, and whoever runs in it can say something else. */
export interface SoleUser {
  user: number;
  group?: number;
}

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

function numbersOf(user: string): SoleUser | undefined {
  const [, uid, gid] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(user) ?? [];
  if (uid === undefined || Number(uid) === 0 || [uid, gid ?? 0].some((id) => Number(id) > ID_MAX))
    return undefined;
  return { user: Number(uid), ...(gid !== undefined && { group: Number(gid) }) };
}

/** Who runs in a Pod of a namespace that has users of its own. */
export interface AssignedUsers {
  /** In the place of the images' own users, as `user:group`. */
  image: string;
  courier: number;
}

/**
 * Users out of the range, of a Trial each of whose containers can be one user's and names none outside of it; undefined for all others, which only
 * an SCC that allows more than `restricted-v2` takes. As on OpenShift, an image's own user gives way, and the group is root's: images made for
 * OpenShift let that group write what their user writes. `draw`: any number; decides which user the courier is, who is none of the others.
 */
export function assignedUsers(spec: CompiledSpec, range: UidRange, draw: number): AssignedUsers | undefined {
  const { first, last } = range;
  const image = `${first}:0`;
  const working = rolesOf(spec.environments).flatMap(([role]) =>
    role === 'agent' && spec.regrade ? [] : [userIn(spec, role, { user: image })],
  );
  const users = new Set(working.map((one) => one?.user ?? 0));
  if ([...users].some((user) => user < first || user > last)) return undefined;
  const free = last - first + 1 - users.size;
  return free > 0 ? { image, courier: drawFree({ first, free, users }, draw) } : undefined;
}

/** One of the numbers from `first` on that are not of `users`. */
function drawFree(
  { first, free, users }: { first: number; free: number; users: Set<number> },
  draw: number,
): number {
  const taken = [...users].toSorted((one, other) => one - other);
  return taken.reduce((uid, user) => (uid < user ? uid : uid + 1), first + (draw % free));
}

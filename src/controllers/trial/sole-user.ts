/** Pure: the one user of everything in a container of a Trial's, where there is one. */
import type { ImageConfig } from '../../crds/image-config.ts';
import type { VerifierRole } from '../../crds/trial-status.ts';
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
    ...step.hooks,
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
  const [, uid, gid] = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(user) ?? [];
  if (uid === undefined || Number(uid) === 0) return undefined;
  return { user: Number(uid), ...(gid !== undefined && { group: Number(gid) }) };
}

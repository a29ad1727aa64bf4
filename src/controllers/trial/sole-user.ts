/** Pure: the one user of everything in a Trial's task container, where there is one. */
import type { ImageConfig } from '../../crds/image-config.ts';
import type { CompiledSpec } from '../../tasks/index.ts';

/** By numbers; a name means what the image says, and whoever runs in it can say something else. */
export interface SoleUser {
  user: number;
  group?: number;
}

/**
 * The user of entrypoint, healthchecks, agents, hooks and verifiers, where all of them are the same one, named by the same numbers, and it is not
 * root. The install script of an agent runs as root, so a Trial with one has no such user; and where privileges may be gained, as by sudo,
 * root has to be there to be become.
 */
export function soleUser(spec: CompiledSpec, image: Pick<ImageConfig, 'user'>): SoleUser | undefined {
  const { environment, agent, work } = spec;
  if (agent.install !== undefined || environment.allowPrivilegeEscalation) return undefined;
  const own = environment.user ?? image.user;
  const others = work
    .flatMap((step) => [step.agent, ...(step.verifier.disabled ? [] : [step.verifier]), ...step.hooks])
    .map(({ user = own }) => user);
  return others.every((user) => user === own) ? numbersOf(own) : undefined;
}

function numbersOf(user: string): SoleUser | undefined {
  const [, uid, gid] = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(user) ?? [];
  if (uid === undefined || Number(uid) === 0) return undefined;
  return { user: Number(uid), ...(gid !== undefined && { group: Number(gid) }) };
}

/** Pure: what the Pod of a Sandbox was made with. One that was taken from a pool keeps it, whatever becomes of the pool. */
import { ANNOTATION } from '../crds/names.ts';
import { present } from '../crds/present.ts';
import type { SandboxSpec } from '../crds/sandbox.ts';
import type { PhaseNetwork } from '../wire/network.ts';

export type MadeWith = Pick<SandboxSpec, 'user' | 'workdir' | 'network'>;

export const madeWithAnnotation = ({ user, workdir, network }: SandboxSpec): Record<string, string> => ({
  [ANNOTATION.madeWith]: JSON.stringify(present({ user, workdir, network }) satisfies MadeWith),
});

/** What the annotations of a Pod's template say; undefined where it is not JSON. Only of what the operator rendered. */
export function madeWithOf(annotations: Record<string, string> = {}): MadeWith | undefined {
  const { [ANNOTATION.madeWith]: text = '{}' } = annotations;
  try {
    return JSON.parse(text) as MadeWith;
  } catch {
    return undefined;
  }
}

/** What commands may reach. */
export const networkMadeWith = ({ network }: MadeWith): PhaseNetwork => ({
  mode: network?.mode ?? 'Public',
  hosts: network?.allowedHosts ?? [],
});

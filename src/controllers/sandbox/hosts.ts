/** Pure: what is wrong with the list of hosts of a Sandbox. */
import type { SandboxSpec } from '../../crds/sandbox.ts';
import { problemOfAllowedHost } from '../../wire/network.ts';
import type { Said } from './observed.ts';

/** The first entry that is none, which would mean nobody. */
export function badHosts({ network }: SandboxSpec): Said | undefined {
  for (const [index, host] of (network?.allowedHosts ?? []).entries()) {
    const problem = problemOfAllowedHost(host);
    if (problem !== undefined)
      return { reason: 'InvalidNetwork', message: `spec.network.allowedHosts[${index}] ${problem}` };
  }
  return undefined;
}

/** Pure: how long a Sandbox lives, and how its courier says that nobody uses it. */
import { timestamp } from '../../crds/conditions.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { Pod } from '../../kube/kinds.ts';
import { statusOf } from '../../pods/reading/containers.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import type { SandboxEnded } from '../../wire/sandbox/assignment.ts';
import { readSandboxEnded } from '../../wire/sandbox/ended.ts';

/** When `ttlSeconds` or `deadline` end it, whichever is first; RFC 3339, undefined where neither is given. */
export function expiresAt({ metadata, spec }: Sandbox): string | undefined {
  const { creationTimestamp = '' } = metadata;
  const ends = [
    ...(spec.ttlSeconds === undefined ? [] : [Date.parse(creationTimestamp) + spec.ttlSeconds * 1000]),
    ...(spec.deadline === undefined ? [] : [Date.parse(spec.deadline)]),
  ].filter(Number.isFinite);
  return ends.length === 0 ? undefined : timestamp(new Date(Math.min(...ends)));
}

/** Milliseconds until it expires: 0 or less once it has; undefined where it never does. */
export function expiresInMs(sandbox: Sandbox, now: Date): number | undefined {
  const at = expiresAt(sandbox);
  return at === undefined ? undefined : Date.parse(at) - now.getTime();
}

/** The last word of a courier that ended the Pod because nobody used it; undefined for any other end. */
export function idleEnd(pod: Pod, now: Date): (SandboxEnded & { ended: 'Idle' }) | undefined {
  const said = exitCodeOf(pod) === 0 ? readSandboxEnded(lastWordOf(pod)) : undefined;
  if (said?.ended !== 'Idle') return undefined;
  // Nodes have clocks of their own.
  const at = Math.min(Date.parse(said.lastActivityTime), now.getTime());
  return { ...said, lastActivityTime: timestamp(new Date(at)) };
}

/** Whether its courier ended the Pod before anything ran in it, for nothing closes its network. */
export const isUnenforced = (pod: Pod): boolean =>
  (exitCodeOf(pod) ?? 0) !== 0 && readSandboxEnded(lastWordOf(pod))?.ended === 'PolicyNotEnforced';

/** What its container ended with. The kubelet says that before the Pod's phase, which waits until the Pod's network is gone. */
const exitCodeOf = (pod: Pod): number | undefined =>
  statusOf(pod, CONTAINERS.task)?.state?.terminated?.exitCode;

function lastWordOf(pod: Pod): string {
  const { state, lastState } = statusOf(pod, CONTAINERS.courier) ?? {};
  return state?.terminated?.message ?? lastState?.terminated?.message ?? '';
}

/** Whether the idle limit that ended it still holds: a longer one, or none, starts it again. */
export function isIdleStill({ spec, status }: Sandbox, now: Date): boolean {
  const { idleTimeoutSeconds } = spec;
  if (idleTimeoutSeconds === undefined || status?.lastActivityTime === undefined) return false;
  return now.getTime() >= Date.parse(status.lastActivityTime) + idleTimeoutSeconds * 1000;
}

/** Pure: what was observed of a namespace → which of its policies are written. */
import { isDeepStrictEqual } from 'node:util';
import type { NetworkPolicy } from '../../kube/kinds.ts';
import type { ObservedNamespace } from './observed.ts';

export type NetworkAction =
  /** Everything is as it shall be, or nothing shall be. */
  | { kind: 'rest' }
  /** Make what is missing, and write over what somebody changed. */
  | { kind: 'put'; missing: NetworkPolicy[]; changed: NetworkPolicy[] };

export function nextAction({ isUsed, wanted, found }: ObservedNamespace): NetworkAction {
  if (!isUsed) return { kind: 'rest' };
  const missing = wanted.filter(({ metadata }) => !found.has(metadata.name));
  const changed = wanted.flatMap((policy) => overwriting(policy, found.get(policy.metadata.name)) ?? []);
  return missing.length + changed.length === 0 ? { kind: 'rest' } : { kind: 'put', missing, changed };
}

/** Of a policy that was found, the one that it is as: every pass of a Trial asks, and neither is changed in place. */
const ALIKE = new WeakMap<NetworkPolicy, NetworkPolicy>();

function isAlike(found: NetworkPolicy, wanted: NetworkPolicy): boolean {
  if (ALIKE.get(found) === wanted) return true;
  const alike = isDeepStrictEqual(found.spec, wanted.spec);
  if (alike) ALIKE.set(found, wanted);
  return alike;
}

/** As a whole, in place of the version that was seen: fields that somebody else added would stay with an apply. */
function overwriting(wanted: NetworkPolicy, found: NetworkPolicy | undefined): NetworkPolicy | undefined {
  if (!found || isAlike(found, wanted)) return undefined;
  const { resourceVersion = '' } = found.metadata;
  return { ...wanted, metadata: { ...wanted.metadata, resourceVersion } };
}

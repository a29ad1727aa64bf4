/** Everything that is known to go wrong with an installation on AWS: one list. */
import { CALLS } from './calls.ts';
import { IN_CLUSTER } from './cluster.ts';
import type { Fault } from './fault.ts';
import { REMOVAL } from './removal.ts';
import { RESOURCES } from './resources.ts';
import { STACKS_OF_OTHERS } from './stacks.ts';

export type { Fault, FaultWorld } from './fault.ts';
export const FAULTS: readonly Fault[] = [
  ...CALLS,
  ...RESOURCES,
  ...STACKS_OF_OTHERS,
  ...REMOVAL,
  ...IN_CLUSTER,
];

/** What is seen of an attempt, of a Trial or a Sandbox alike. */
import type { Job, Pod } from '../../kube/kinds.ts';

export type JobSeen =
  | { kind: 'none' }
  | { kind: 'own'; job: Job }
  /** Of an earlier owner of this name; the garbage collector is about to remove it. */
  | { kind: 'leftover' }
  | { kind: 'foreign' };

export interface PodSeen {
  pod?: Pod;
  /** Why none of the Pods that say they are the Job's is one that the operator rendered. */
  altered?: string;
}

/** How long the Job controller may take for a Pod before its events are asked why there is none. */
export const POD_EXPECTED_MS = 3000;

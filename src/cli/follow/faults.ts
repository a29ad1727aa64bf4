/** Whose fault it is that a Trial has no result: the difference between data and a run that has to be repeated. */
import type { TrialFailedReason } from '../../crds/reasons.ts';

/**
 * `agent`: it had its try and spoilt it · `verifier`: the tests left no reward · `definition`: task, image or Secret are wrong, so the
 * agent never ran · `infrastructure`: cluster, node, builder or store · `user`: somebody cancelled it.
 */
export const FAULT_NAMES = ['agent', 'verifier', 'definition', 'infrastructure', 'user'] as const;
export type Fault = (typeof FAULT_NAMES)[number];

const FAULTS: Record<TrialFailedReason, Fault> = {
  Cancelled: 'user',
  StartTimeout: 'infrastructure',
  ImageNotFound: 'definition',
  ImageAccessDenied: 'infrastructure',
  ImagePullFailed: 'infrastructure',
  BuildFailed: 'definition',
  BuildNotFound: 'definition',
  TaskNotFound: 'definition',
  TaskInvalid: 'definition',
  TaskMismatch: 'definition',
  TaskUnsupported: 'definition',
  SecretNotFound: 'definition',
  JobRejected: 'infrastructure',
  NameConflict: 'infrastructure',
  HealthcheckFailed: 'definition',
  AgentSetupFailed: 'agent',
  AgentSetupTimeout: 'agent',
  VerifierTimeout: 'verifier',
  RewardMissing: 'verifier',
  RewardEmpty: 'verifier',
  RewardUnparsable: 'verifier',
  RewardNotFinite: 'verifier',
  RewardInvalid: 'verifier',
  OOMKilled: 'agent',
  EphemeralStorageExceeded: 'agent',
  TaskContainerExited: 'agent',
  Evicted: 'infrastructure',
  NodeLost: 'infrastructure',
  PodLost: 'infrastructure',
  CourierFailed: 'infrastructure',
  UploadFailed: 'infrastructure',
};

/** Of a reason that this version does not know, the safe answer is that the Trial has to be repeated. */
export const faultOf = (reason: string): Fault =>
  Object.hasOwn(FAULTS, reason) ? FAULTS[reason as TrialFailedReason] : 'infrastructure';

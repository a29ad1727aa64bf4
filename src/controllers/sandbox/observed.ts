/** What the Sandbox controller sees; every decision rests on this alone. */
import type { UidRange } from '../../crds/namespace-rules.ts';
import type { Sandbox, SandboxAttempt } from '../../crds/sandbox.ts';
import type { SandboxReason } from '../../crds/sandbox-reasons.ts';
import type { ImageSeen } from '../../images/image.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import type { JobSeen, PodSeen } from '../attempts/observed.ts';
import type { BudgetSeen } from '../../budget/standing.ts';
import type { PoliciesSeen } from '../../pods/policies.ts';
import type { Action } from './decide.ts';
import type { Burst } from './takings.ts';

/** Why a Sandbox is not ready, and what to tell about it. */
export interface Said {
  reason: Exclude<SandboxReason, 'Ready'>;
  message: string;
}

/** Where a Sandbox stands: what its current attempt has of Job and Pod. */
export interface AttemptSeen extends PodSeen {
  sandbox: Sandbox;
  /** Number of the attempt that is open, else of the one that would come next. */
  number: number;
  /** The open attempt, where the status has it already. */
  recorded?: SandboxAttempt;
  job: JobSeen;
  /** Its other Jobs, as far as the cache shows them: of attempts that are closed, or of nobody's. */
  others: Job[];
  policies: PoliciesSeen;
  budget: BudgetSeen;
  now: Date;
}

/** A Pod that waits in a pool to be taken. */
export interface Candidate {
  job: Job;
  pod: Pod;
  /** When its container began to run. RFC 3339. */
  startedAt: string;
}

/** What the next Pod is made of, or is taken from. */
export type Inputs =
  | { from: 'nothing'; said: Said }
  /** `pool`: whose shape the Pod has; it has none to be taken. */
  | { from: 'image'; image: ImageSeen; pool?: Sandbox; users?: UidRange }
  /** The longest ready first. */
  | { from: 'pool'; candidates: Candidate[] };

/** An attempt that was begun. `refusal`: why the API server took no Pod of its Job, in its words. */
export type BegunAttempt = AttemptSeen & { refusal?: string };

/** The answers to what `needs` asks. */
export type Answers =
  | { need: 'nothing'; action: Action }
  | { need: 'report'; refusal?: string }
  | { need: 'inputs'; inputs: Inputs };

/** Everything that a decision about a Sandbox rests on. */
export type Observed = AttemptSeen & Answers;

/** One Job of a pool, which nobody has taken. */
export interface Member {
  job: Job;
  pod?: Pod;
  /** Why it is not ready; undefined where it can be taken. */
  waits?: Said;
}

/** Everything that a decision about a pool rests on. */
export interface PoolSeen {
  sandbox: Sandbox;
  /** Those that have not ended, in the order of their numbers. */
  members: Member[];
  /** When members that failed by themselves ended, the latest last; RFC 3339. */
  failures: string[];
  /** Why the latest of them failed, where no later one has been of use and none is ready. */
  lastFailure?: Said;
  /** The highest number that a Job of this pool has, taken ones included. */
  highest: number;
  /** Looked up where there are fewer than there are to be. */
  image?: ImageSeen;
  users?: UidRange;
  /** When its Pods were taken last. */
  burst?: Burst;
  policies: PoliciesSeen;
  budget: BudgetSeen;
  now: Date;
}

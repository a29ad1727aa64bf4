/** What the Trial controller sees; every decision rests on this alone. */
import type { Outcome } from '../../wire/outcome.ts';
import type { TaskBuild as TaskBuildObject } from '../../crds/task-build.ts';
import type { Attempt, ByRole } from '../../crds/trial-status.ts';
import type { UidRange } from '../../crds/namespace-rules.ts';
import type { Trial } from '../../crds/trial.ts';
import type { JobSeen, PodSeen } from '../attempts/observed.ts';
import type { BudgetSeen } from '../../budget/standing.ts';
import type { PoliciesSeen } from '../../pods/policies.ts';
import type { ImageSeen } from '../../images/image.ts';
import type { Action } from './decide.ts';
import type { TrialFailedReason } from '../../crds/reasons.ts';
import type { Source } from '../../results/source.ts';
import type { AppliedOutcome } from '../../results/applied.ts';
import type { CompiledSpec } from '../../tasks/index.ts';

/** Where a Trial stands: what its current attempt has of Job and Pod. */
export interface AttemptSeen extends PodSeen {
  trial: Trial;
  /** Number of the attempt that is open, else of the one that would come next. */
  attempt: number;
  /** The open attempt, where the status has it already. */
  recorded?: Attempt;
  job: JobSeen;
  policies: PoliciesSeen;
  budget: BudgetSeen;
  now: Date;
}

/** What an attempt has reported. */
export interface AttemptReport {
  /** What the courier said of the open attempt, out of its termination message or, where the Pod is gone, out of the store. */
  outcome?: Outcome;
  /** Why the API server took no Pod of the open attempt's Job, in its words. */
  refusal?: string;
}

/** An attempt that was begun. */
export type BegunAttempt = AttemptSeen & AttemptReport;

/** The Trial with everything that its task says filled in: what a Job is made of. */
export type CompiledTrial = Trial & { spec: CompiledSpec };

/** `filesHash` of the task's ConfigMap, where the task comes from one. */
interface TaskContent {
  taskContent?: string;
}

/** A task that cannot be run, and why. */
export interface FaultyTask extends TaskContent {
  taskFault: { reason: TrialFailedReason; message: string };
}

export interface CompiledTask extends TaskContent {
  compiled: CompiledTrial;
}

export type TaskSeen = FaultyTask | CompiledTask;

/** A compiled task, the images that it names, and the users that its Pod may have. */
export interface RunnableTask extends CompiledTask {
  users?: UidRange;
  /** What a regrade judges again. */
  source?: Source;
  images: ByRole<ImageSeen>;
}

/** What an attempt is made of, or why it cannot be. */
export type Inputs = FaultyTask | RunnableTask;

/** The answers to what `needs` asks. */
export type Answers =
  /** Nothing was asked: this is the next action. */
  | { need: 'nothing'; action: Action }
  | ({ need: 'report' } & AttemptReport)
  | ({ need: 'inputs' } & Inputs)
  /** No inputs are needed: the same was asked for before, and ended so. */
  | { need: 'applied'; applied: AppliedOutcome };

/** Everything that a decision about a Trial rests on. */
export type Observed = AttemptSeen &
  Answers & {
    /** The TaskBuild that made the agent's image, where one did. */
    taskBuild?: TaskBuildObject;
  };

/** What the Trial controller sees; every decision rests on this alone. */
import type { Outcome } from '../../wire/outcome.ts';
import type { TaskBuild as TaskBuildObject } from '../../crds/task-build.ts';
import type { Attempt, ImageRole } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import type { ImageSeen } from '../../images/image.ts';
import type { Action } from './decide.ts';

export type JobSeen =
  | { kind: 'none' }
  | { kind: 'own'; job: Job }
  /** Of an earlier Trial of this name; the garbage collector is about to remove it. */
  | { kind: 'leftover' }
  | { kind: 'foreign' };

/** Where a Trial stands: what its current attempt has of Job and Pod. */
export interface AttemptSeen {
  trial: Trial;
  /** Number of the attempt that is open, else of the one that would come next. */
  attempt: number;
  /** The open attempt, where the status has it already. */
  recorded?: Attempt;
  job: JobSeen;
  pod?: Pod;
  /** Why none of the Pods that say they are the Job's is one that the operator rendered. */
  altered?: string;
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

/** What is known of a Trial's task. */
export interface TaskSeen {
  /** Why the task cannot be found; undefined where it can. */
  taskMissing?: string;
  /** `filesHash` of the task's ConfigMap, where the task comes from one. */
  taskContent?: string;
}

/** What an attempt is made of. */
export interface Inputs extends TaskSeen {
  images: Record<ImageRole, ImageSeen>;
}

/** The answers to what `needs` asks. */
export type Answers =
  /** Nothing was asked: this is the next action. */
  { need: 'nothing'; action: Action } | ({ need: 'report' } & AttemptReport) | ({ need: 'inputs' } & Inputs);

/** Everything that a decision about a Trial rests on. */
export type Observed = AttemptSeen &
  Answers & {
    /** The TaskBuild that made the agent's image, where one did. */
    taskBuild?: TaskBuildObject;
  };

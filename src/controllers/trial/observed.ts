/** What the Trial controller sees; every decision rests on this alone. */
import type { ImageConfig } from '../../crds/image-config.ts';
import type { Outcome } from '../../wire/outcome.ts';
import type { TrialFailedReason } from '../../crds/reasons.ts';
import type { TaskBuild as TaskBuildObject } from '../../crds/task-build.ts';
import type { Attempt } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import type { Action } from './decide.ts';

/** An image that a Job can run. */
export interface ReadyImage {
  reference: string;
  digest: string;
  config: ImageConfig;
  taskBuild?: string;
}

export type ImageSeen =
  | { kind: 'ready'; image: ReadyImage }
  | { kind: 'building'; taskBuild: string; message: string }
  /** No TaskBuild of that content exists. `stale` is one that failed before this Trial was made: it is replaced. */
  | { kind: 'toBuild'; taskBuild: string; stale?: TaskBuildObject }
  | { kind: 'failed'; reason: TrialFailedReason; message: string }
  | { kind: 'unavailable'; message: string };

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

/** The answers to what `needs` asks. */
export type Answers =
  /** Nothing was asked: this is the next action. */
  | { need: 'nothing'; action: Action }
  | ({ need: 'report' } & AttemptReport)
  | ({ need: 'inputs'; image: ImageSeen } & TaskSeen);

/** Everything that a decision about a Trial rests on. */
export type Observed = AttemptSeen &
  Answers & {
    /** The TaskBuild that made the image, where one did. */
    taskBuild?: TaskBuildObject;
  };

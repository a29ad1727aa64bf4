/** What the TaskBuild controller sees; every decision rests on this alone. */
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import type { BuildState, ImageBuilder } from '../../providers/image-builder/port.ts';
import type { Action } from './decide.ts';
import type { ImageRules, Origin } from './image.ts';
import type { QueuePosition } from './queue.ts';

/** What the builder says of a build. */
export type StateSeen = BuildState | { kind: 'unanswered'; message: string };

/** What this operator lets a build ask for at most. */
export type BuildLimits = Pick<TaskBuild['spec'], 'timeoutSeconds' | 'queueTimeoutSeconds'>;

/** Where a TaskBuild stands, and what this operator offers. */
export interface BuildSeen {
  taskBuild: TaskBuild;
  /** Where it waits and its turn has not come. */
  position?: QueuePosition;
  builder: Pick<ImageBuilder, 'backend' | 'pollMs'>;
  limits: BuildLimits;
  rules: ImageRules;
  now: Date;
}

/** What record and registry say of an image. */
export type ImageSeen =
  | { kind: 'absent' }
  | { kind: 'present'; digest: string }
  | { kind: 'unavailable'; message: string }
  /** The bucket does not say what is on record. */
  | { kind: 'recordUnread'; message: string }
  /** The registry will never take this name from us. */
  | { kind: 'refused'; message: string };

/** What is known of the files to build. */
export type ContextSeen =
  /** `version` of its object, where the bucket keeps versions. */
  | { kind: 'present'; version?: string }
  | { kind: 'unavailable'; message: string }
  | { kind: 'missing'; message: string };

/** An image's reference, with its tag, and what it is made of. */
export interface Named {
  image: string;
  origin: Origin;
}

/** What a build would be made of. */
export type Inputs =
  /** Without its files the image has no name. */
  | { kind: 'unnamed'; message: string }
  /** The image exists, or whether it does cannot be told. */
  | ({ kind: 'existing'; existing: Exclude<ImageSeen, { kind: 'absent' }> } & Named)
  | ({ kind: 'absent'; context: ContextSeen } & Named);

/** A build that went well; `pushed`: what the registry says of its digest. */
type Succeeded = Extract<StateSeen, { kind: 'succeeded' }>;

/** An attempt whose build was handed to the builder. */
export interface Handed extends Named {
  attempt: BuildAttempt;
  /** The builder's id. */
  buildId: string;
}

/** What is known of the build under way. */
export interface Progress extends Handed {
  state: Exclude<StateSeen, Succeeded> | (Succeeded & { pushed: ImageSeen });
  /** Milliseconds until the builder may be asked again. */
  againMs: number;
}

/** The answers to what `needs` asks. */
export type Answers =
  /** Nothing was asked: this is the next action. */
  | { need: 'nothing'; action: Action }
  | { need: 'progress'; progress: Progress }
  | { need: 'inputs'; inputs: Inputs };

/** Everything that a decision about a TaskBuild rests on. */
export type Observed = BuildSeen & Answers;

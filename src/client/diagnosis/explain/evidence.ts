/** Everything that an explanation rests on. What could not be read is undefined, and `unread` says why. */
import type { TaskBuild } from '../../../crds/task-build.ts';
import type { Trial } from '../../../crds/trial.ts';
import type { Event, Job, Node, Pod } from '../../../kube/kinds.ts';

export interface Evidence {
  trial: Trial;
  build?: TaskBuild;
  job?: Job;
  pod?: Pod;
  /** The node that the Pod is or was on. */
  node?: Node;
  /** All nodes, where the Pod finds none. */
  nodes?: Node[];
  /** Of Trial, TaskBuild, Job and Pod, the oldest first. */
  events: Event[];
  /** Last lines of the log that tells most, and which one that is. */
  log?: { title: string; lines: string[] };
  /** A line of the verifier's output which says that a download of its own failed. */
  download?: string;
  /** What the user may not read. */
  unread: string[];
  now: Date;
}

/** What a cause comes to. */
export interface Explained {
  why: string[];
  next: string[];
}

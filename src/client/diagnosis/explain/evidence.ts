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

/** An amount of the task container: of the Trial, else as the operator has compiled it into the Job. */
export function askedAmount(
  { trial, job }: Pick<Evidence, 'trial' | 'job'>,
  kind: 'requests' | 'limits',
  resource: string,
): string | undefined {
  const own: Amounts | undefined = trial.spec.environment.resources?.[kind];
  const compiled: Amounts | undefined = containerOf(job)?.resources?.[kind];
  const amount = own?.[resource] ?? compiled?.[resource];
  return amount === undefined ? undefined : String(amount);
}

type Amounts = Record<string, string | number | undefined>;

const containerOf = (job: Job | undefined) => job?.spec?.template.spec?.containers[0];

/** What a cause comes to. */
export interface Explained {
  why: string[];
  next: string[];
}

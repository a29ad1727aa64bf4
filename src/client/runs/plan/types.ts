/** What a run comes to, before anything is sent anywhere. */
import type { NamespaceRules } from '../../../crds/namespace-rules.ts';
import type { TaskBuildSpec } from '../../../crds/task-build.ts';
import type { CompileDefaults } from '../../../tasks/index.ts';
import type { Secret } from '../../../kube/kinds.ts';
import type { TrialSpec } from '../../../crds/trial.ts';
import type { CliError } from '../../failures/error.ts';
import type { InvalidTask, SelectedTask, Selection } from '../select/select.ts';
import type { RunOptions } from '../../documents/run-options.ts';
import type { Variables } from './variables.ts';

/** What may be left out of `T`, because the CRD has defaults for it or the task says it. */
export type Sparse<T> = T extends (infer Item)[]
  ? Sparse<Item>[]
  : T extends object
    ? { [Key in keyof T]?: Sparse<T[Key]> }
    : T;

/** A Trial as one would write it by hand: what its task says is not in it. */
export interface TrialManifest {
  apiVersion: 'sb.abundant.ai/v1alpha1';
  kind: 'Trial';
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  spec: Sparse<TrialSpec>;
}

/** The dataset of tasks that come from a folder; in the bucket they lie below it, but for those of researchers. */
export const DATASET = 'local';

/** Below `tasks/`, where tasks of a namespace with these rules are stored. */
export const taskFolder = (rules: Pick<NamespaceRules, 'ownFolder'> | undefined): string =>
  rules?.ownFolder ?? DATASET;

export interface PlanOptions {
  selection: Selection;
  /** The run's name: see `checkRunName`. */
  run: string;
  /** Where the operator reads tasks from. */
  bucket: string;
  /** Below `tasks/`, where the run's tasks are stored; default: where all keep theirs. */
  folder?: string;
  /** Left out of the manifests where it is not given. */
  namespace?: string;
  /** Flags and run file together. */
  options: RunOptions;
  /** Out of --env-file. */
  envFile?: Variables;
  /** What may be read of the caller's environment (see host-variables.ts); used where task.toml, flags or run file name it, and only by way of the Secret. */
  environment: Record<string, string | undefined>;
  /** Of namespace and installation; missing where nobody asked. */
  defaults?: CompileDefaults;
}

/** A build of the run's own, for `--force-build`. */
export interface BuildManifest {
  apiVersion: 'sb.abundant.ai/v1alpha1';
  kind: 'TaskBuild';
  metadata: { name: string; namespace?: string; labels: Record<string, string> };
  spec: Sparse<TaskBuildSpec>;
}

/** All Trials of one task. */
export interface PlannedTask extends SelectedTask {
  trials: TrialManifest[];
  /** Only with `--force-build`, and where there is something to build. */
  build?: BuildManifest;
}

export interface RunPlan {
  run: string;
  bucket: string;
  /** Below `tasks/`, where the run's tasks are stored. */
  folder: string;
  namespace?: string;
  /** Of namespace and installation; missing where nobody asked. */
  defaults?: CompileDefaults;
  /** In the order of the selection. */
  tasks: PlannedTask[];
  /** Values that no manifest may show. */
  secret?: Secret;
  /** Trials that the API server would refuse: they are in no task of the plan. Empty with skipInvalid, which makes them skipped tasks. */
  refused: { name: string; error: CliError }[];
  /** What looks like a task and cannot be run, with the reasons; empty unless skipInvalid. */
  skipped: InvalidTask[];
}

/** How many Trials a plan has. */
export const trialCount = ({ tasks }: Pick<RunPlan, 'tasks'>): number =>
  tasks.reduce((sum, { trials }) => sum + trials.length, 0);

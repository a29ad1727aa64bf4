/**
 * Where everything lies in the bucket: the one place that spells its keys. `tasks/…` is part of the task format and spelt in
 * `src/tasks/bucket.ts`; everything that is made of Trials is here. Prefixes end with a slash.
 */
import { ADHOC_RUN, identityOf, trialName } from '../crds/names.ts';

/** `trials/<run>/`: the results of all Trials of a run. */
export const trialsPrefix = (run: string): string => `trials/${run}/`;

/** `trials/<run>/<trial name>/` of a Trial that is known by its stored name alone. */
export const storedTrialPrefix = (run: string, name: string): string => `${trialsPrefix(run)}${name}/`;

/** What the keys of a Trial are made of. */
export interface TrialNames {
  metadata: { name: string; uid?: string };
  spec: { run?: string };
}

/** Prefix of all objects of a Trial. */
export const trialPrefix = ({ metadata, spec }: TrialNames): string =>
  storedTrialPrefix(spec.run ?? ADHOC_RUN, trialName(identityOf({ metadata })));

/** What a Trial is called in the bucket, where it may have taken over the outcome of another: for readers. Nothing is written under a name that a status gives. */
export const resultsName = ({ metadata, status }: ResultNames): string =>
  status?.adopted?.trial ?? trialName(identityOf({ metadata }));

/** Prefix of the objects that say how a Trial ended, where it may have taken over the outcome of another: for readers. */
export const resultsPrefix = (trial: ResultNames): string =>
  storedTrialPrefix(trial.spec.run ?? ADHOC_RUN, resultsName(trial));

type ResultNames = TrialNames & { status?: { adopted?: { trial: string } } };

/** The files of a Trial that are not its container's, by what they are, below its prefix. */
export const TRIAL_FILES = {
  /** The operator's. */
  config: 'config.json',
  result: 'result.json',
  /** The courier's. */
  manifest: 'manifest.json',
  outcome: 'outcome.json',
  log: 'trial.log',
} as const;

/** `builds/<hash>.json`: which image was built of what. */
export const buildRecordKey = (contentHash: string): string => `builds/${contentHash}.json`;

/** `indexes/applied/<namespace>/<name>/<hash>.json`: the outcome of what was asked for under that name. */
export const appliedKey = ({
  namespace,
  name,
  hash,
}: {
  namespace: string;
  name: string;
  hash: string;
}): string => `indexes/applied/${namespace}/${name}/${hash}.json`;

const JOBS = 'jobs/';

/**
 * The job that a run of a namespace is in the bucket. The name of the run belongs to the namespace that used it first; the run of
 * another namespace is called `<run>@<namespace>`, which no run can be called.
 */
export const jobOf = (run: string, namespace: string, isOwner: boolean): string =>
  isOwner ? run : `${run}@${namespace}`;

/** `jobs/<job>/result.json`: the aggregate. */
export const jobResultKey = (job: string): string => `${JOBS}${job}/result.json`;

/** `jobs/<job>/index/`: the records of the run's Trials. */
export const indexPrefix = (job: string): string => `${JOBS}${job}/index/`;
export const indexManifestKey = (job: string): string => `${indexPrefix(job)}manifest.json`;
export const shardKey = (job: string, name: string): string => `${indexPrefix(job)}${name}`;

/** Of a task, what its index is called after. */
export interface IndexedTask {
  task_name: string;
  task_version: string | null;
}

/** `indexes/tasks/<task name>/<version>/`. Entries lie directly below it: what lies deeper belongs to a task whose name begins so. */
export const taskIndexPrefix = ({ task_name, task_version }: IndexedTask): string =>
  `indexes/tasks/${task_name}/${task_version ?? 'unversioned'}/`;

/** The record of one Trial, found by its task. */
export const taskEntryKey = (record: IndexedTask & { trial_name: string }): string =>
  `${taskIndexPrefix(record)}${record.trial_name}.json`;

/** The newest records of a version in one object. No Trial is called so: their names hold `__`. */
export const taskRunsKey = (task: IndexedTask): string => `${taskIndexPrefix(task)}runs.json`;

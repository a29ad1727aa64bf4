/** Pure: the other files of a job folder, as Harbor 0.25 writes them: `config.json` of the job, `lock.json` of job and Trial. */
import Value from 'typebox/value';
import { Type } from '../crds/schema.ts';
import type { TaskMetadata } from '../tasks/index.ts';
import { byText } from '../text/figures.ts';
import { parsedJson } from '../text/json.ts';
import type { TrialRecord } from './record.ts';

/** A Trial's `config.json` as the operator stores it, as far as a lock is made of it. */
const StoredConfig = Type.Object({
  task: Type.Object({ source: Type.Optional(Type.String()), path: Type.String() }),
  agent: Type.Object({}),
  environment: Type.Object({}),
  verifier: Type.Object({}),
  /** Of a regrade. */
  source_trial: Type.Optional(Type.Object({})),
});
export type StoredConfig = Type.Static<typeof StoredConfig>;

/** Reads the text of a Trial's `config.json`; undefined where it is not what the operator stores. */
export function readStoredConfig(text: string): StoredConfig | undefined {
  const value = parsedJson(text);
  return Value.Check(StoredConfig, value) ? value : undefined;
}

/** Harbor's TrialLock: what the Trial was made of, so that the same can be run again. */
export interface TrialLock {
  schema_version: 2;
  task: { name: string; type: 'local'; digest: string; source: string | null; path: string };
  agent: object;
  environment: object;
  verifier: object;
  source_trial?: object;
}

/** The lock of a Trial with this config. `metadata` is the task's own: its `digest` is Harbor's, 64 hex digits. */
export const trialLock = (
  { task, agent, environment, verifier, source_trial }: StoredConfig,
  { name, digest }: Pick<TaskMetadata, 'name' | 'digest'>,
): TrialLock => ({
  schema_version: 2,
  task: {
    name,
    type: 'local',
    digest: `sha256:${digest}`,
    source: task.source ?? null,
    path: task.path,
  },
  agent,
  environment,
  // What is judged again is judged by a separate verifier.
  verifier: { ...verifier, environment_mode: source_trial ? 'separate' : 'shared' },
  ...(source_trial && { source_trial }),
});

/** The operator tries again what infrastructure ended, twice by default; in Harbor's terms. */
const RETRY = { max_retries: 2 };
const ENVIRONMENT = { import_path: 'sb-operator:kubernetes' };

export interface JobLockInput {
  createdAt: Date;
  total: number;
  /** By trial name, in any order. */
  locks: ReadonlyMap<string, TrialLock>;
}

/** Harbor's JobLock. All Trials of a run may run at once: the cluster's room is the limit. */
export const jobLock = ({ createdAt, total, locks }: JobLockInput): object => ({
  schema_version: 3,
  created_at: createdAt.toISOString(),
  harbor: { version: null },
  n_concurrent_trials: Math.max(1, total),
  retry: RETRY,
  trials: [...locks].sort(([a], [b]) => byText(a, b)).map(([, lock]) => lock),
});

export interface JobConfigInput {
  run: string;
  jobsDir: string;
  total: number;
  records: readonly TrialRecord[];
}

/** Harbor's JobConfig, told by the Trials that have ended. */
export function jobConfig({ run, jobsDir, total, records }: JobConfigInput): object {
  const attempts = Map.groupBy(records, ({ task_id, agent, model }) => `${task_id} ${agent} ${model ?? ''}`);
  return {
    job_name: run,
    jobs_dir: jobsDir,
    n_attempts: Math.max(1, ...[...attempts.values()].map(({ length }) => length)),
    n_concurrent_trials: Math.max(1, total),
    retry: RETRY,
    environment: ENVIRONMENT,
    agents: distinct(records, ({ agent, model }) => ({ name: agent, model_name: model })),
    // Not the tasks by their paths: Harbor's viewer names a job after the last folder of each, which is a version here.
    datasets: datasetsOf(records),
  };
}

function datasetsOf(records: readonly TrialRecord[]): object[] {
  const groups = [...Map.groupBy(records, ({ source }) => source)].sort(([a], [b]) => byText(a, b));
  return groups.map(([name, group]) => ({
    name,
    task_names: [...new Set(group.map(({ task_name }) => task_name))].sort(byText),
  }));
}

function distinct(records: readonly TrialRecord[], describe: (record: TrialRecord) => object): object[] {
  const seen = new Map(records.map((record) => describe(record)).map((item) => [JSON.stringify(item), item]));
  return [...seen].sort(([a], [b]) => byText(a, b)).map(([, item]) => item);
}

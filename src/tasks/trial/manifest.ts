/** Task → the Trial that runs it. */
import { join } from 'node:path';
import type { TrialSpec } from '../../crds/trial.ts';
import { taskKeys } from '../bucket.ts';
import type { ArtifactConfig, EnvironmentConfig } from '../toml/schema.ts';
import { TaskFormatError } from '../toml/problems.ts';
import type { Problem } from '../toml/problems.ts';
import { resolveEnv } from '../toml/variables.ts';
import { taskHash, taskVersion } from '../hash.ts';
import type { Task } from '../task.ts';
import { hasFile, shortName } from '../task.ts';
import { unsupportedParts } from '../unsupported.ts';
import { resourcesOf } from './resources.ts';

/** What may be left out of `T`, because the CRD has defaults for it. */
export type Sparse<T> = T extends (infer Item)[]
  ? Sparse<Item>[]
  : T extends object
    ? { [Key in keyof T]?: Sparse<T[Key]> }
    : T;

/** A Trial as one would write it by hand. */
export interface TrialManifest {
  apiVersion: 'sb.abundant.ai/v1alpha1';
  kind: 'Trial';
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  spec: Sparse<TrialSpec>;
}

export interface TrialOptions {
  /** Bucket that the task was, or will be, uploaded to, under `taskKeys`. */
  bucket: string;
  dataset: string;
  /** SHA-256 of `packContext`, in hex; needed for a task that is built from its own Dockerfile. */
  contextSha256?: string;
  /** Default: made of the task's short name, the agent and the version. */
  name?: string;
  namespace?: string;
  labels?: Record<string, string>;
  run?: string;
  /** Agent, `oracle` by default. What it names goes before what task.toml says. */
  agent?: Sparse<TrialSpec['agent']>;
  /** Variables that `${VAR}` in the task's env tables is filled in with. */
  variables: Record<string, string | undefined>;
}

/** The Trial for a task. Throws TaskFormatError for what cannot be run: unsupported fields, variables that are not set, an oracle without solution. */
export function trialManifest(task: Task, options: TrialOptions): TrialManifest {
  const { manifest, problems } = draftTrial(task, options);
  if (problems.length > 0) throw new TaskFormatError(join(task.dir, 'task.toml'), problems);
  return manifest;
}

/** The part of a task that its Trial is made of. */
export type Drafted = Pick<Task, 'name' | 'config' | 'files'>;

/** The Trial as it would be, and why it cannot be run. */
export function draftTrial(
  task: Drafted,
  options: TrialOptions,
): { manifest: TrialManifest; problems: Problem[] } {
  const agent = { name: 'oracle', ...options.agent };
  const { problems, environment, solution, verifier } = envsOf(task, agent.name, options.variables);
  const { config } = task;
  const { run, namespace, labels, name = trialObjectName(task, agent.name) } = options;
  const agentEnv = [...solution, ...(agent.env ?? [])];
  const manifest: TrialManifest = {
    apiVersion: 'sb.abundant.ai/v1alpha1',
    kind: 'Trial',
    metadata: { name, ...(namespace !== undefined && { namespace }), ...(labels && { labels }) },
    spec: {
      task: taskOf(task, options),
      environment: { ...environmentOf(task, options), ...listed('env', environment) },
      agent: { ...phaseOf(config.agent), ...agent, ...listed('env', agentEnv) },
      verifier: { ...phaseOf(config.verifier), ...listed('env', verifier) },
      ...listed('artifacts', config.artifacts.map(artifactOf)),
      ...(run !== undefined && { run }),
    },
  };
  return { manifest, problems: [...obstacles(task, agent.name), ...problems] };
}

/** `{ [field]: list }`, or nothing for an empty list. */
const listed = <Field extends string, Item>(field: Field, list: Item[]): { [F in Field]?: Item[] } =>
  list.length > 0 ? ({ [field]: list } as { [F in Field]?: Item[] }) : {};

/** Why this agent cannot run this task. */
function obstacles(task: Drafted, agent: string): Problem[] {
  const problems = unsupportedParts(task).map(({ field, reason }) => ({
    field,
    message: `${field}: ${reason}`,
  }));
  const solve = 'solution/solve.sh';
  if (agent !== 'oracle' || hasFile(task, solve)) return problems;
  return [...problems, { field: solve, message: `${solve} is missing; the agent oracle needs it` }];
}

interface Variable {
  name: string;
  value: string;
}

/** The task's env tables, filled in; every variable that is not set becomes a problem. */
function envsOf({ config }: Drafted, agent: string, variables: TrialOptions['variables']) {
  const problems: Problem[] = [];
  const fill = (field: string, table: Record<string, string>): Variable[] => {
    const { env, missing } = resolveEnv(table, variables);
    for (const { key, variable } of missing)
      problems.push({
        field: `${field}.${key}`,
        message: `${field}.${key} needs the variable ${variable}, which is not set; set it, or give a default as in \${${variable}:-value}`,
      });
    return Object.entries(env).map(([name, value]) => ({ name, value }));
  };
  return {
    problems,
    environment: fill('environment.env', config.environment.env),
    verifier: fill('verifier.env', config.verifier.env),
    solution: agent === 'oracle' ? fill('solution.env', config.solution.env) : [],
  };
}

/** A name for the object: of what Kubernetes allows, and the same for the same task and agent. */
function trialObjectName(task: Drafted, agent: string): string {
  const short = shortName(task)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 30);
  return `${short || 'task'}-${agent}-${taskVersion(taskHash(task))}`.replace(/-+/g, '-');
}

function taskOf(task: Drafted, { bucket, dataset }: TrialOptions): Sparse<TrialSpec['task']> {
  const { prefix } = taskKeys(dataset, task);
  const version = taskVersion(taskHash(task));
  return { name: task.name, dataset, version, s3: { uri: `s3://${bucket}/${prefix}` } };
}

function environmentOf(task: Drafted, options: TrialOptions): Sparse<TrialSpec['environment']> {
  const { environment } = task.config;
  const { docker_image: image, gpus, workdir, healthcheck } = environment;
  const resources = resourcesOf(environment);
  return {
    ...(image === undefined ? { build: buildOf(task, options) } : { image }),
    ...(resources && { resources }),
    ...(gpus !== undefined && gpus > 0 && { gpus }),
    ...(workdir !== undefined && { workdir }),
    ...(healthcheck && { healthcheck: healthcheckOf(healthcheck) }),
  };
}

type Build = NonNullable<TrialSpec['environment']['build']>;

function buildOf(task: Drafted, { bucket, dataset, contextSha256: sha256 }: TrialOptions): Sparse<Build> {
  if (sha256 === undefined)
    throw new TypeError(`${task.name} is built from its Dockerfile; contextSha256 is missing`);
  const uri = `s3://${bucket}/${taskKeys(dataset, task).context}`;
  return {
    context: { s3: { uri, sha256 } },
    // The readable beginning: the operator adds the hash.
    tag: shortName(task).slice(0, 100),
    timeoutSeconds: whole(task.config.environment.build_timeout_sec),
  };
}

/** Durations of the API are whole seconds. */
const whole = (seconds: number): number => Math.ceil(seconds);

const healthcheckOf = (check: NonNullable<EnvironmentConfig['healthcheck']>) => ({
  command: check.command,
  intervalSeconds: whole(check.interval_sec),
  timeoutSeconds: whole(check.timeout_sec),
  startPeriodSeconds: whole(check.start_period_sec),
  startIntervalSeconds: whole(check.start_interval_sec),
  retries: Math.max(1, check.retries),
});

const phaseOf = ({ timeout_sec: timeout, user }: { timeout_sec?: number; user?: string | number }) => ({
  ...(timeout !== undefined && { timeoutSeconds: whole(timeout) }),
  ...(user !== undefined && { user: String(user) }),
});

function artifactOf(artifact: ArtifactConfig) {
  if (typeof artifact === 'string') return { source: artifact };
  const { source, destination } = artifact;
  return { source, ...(destination !== undefined && { destination }) };
}

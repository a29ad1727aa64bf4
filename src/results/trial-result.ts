/** Pure: `config.json` and `result.json` of a Trial, in Harbor's field names (its TrialConfig and TrialResult models, 0.25). */
import type { Outcome, StepOutcome } from '../wire/outcome.ts';
import { agentFacts, shownName } from '../crds/agents.ts';
import { present } from '../crds/present.ts';
import { ADHOC_RUN, identityOf, trialName } from '../crds/names.ts';
import type { BuildAttempt, TaskBuild, TaskBuildStatus } from '../crds/task-build.ts';
import type { Interval, Phase, TrialStatus, Usage } from '../crds/trial-status.ts';
import type { Trial } from '../crds/trial.ts';
import { stateOf } from './state.ts';
import { usageFields } from './usage.ts';
import { versionOf } from '../tasks/index.ts';

/** A finished Trial: its object and the status that is about to be written. */
export interface FinishedTrial {
  trial: Trial;
  status: TrialStatus;
  outcome?: Outcome;
  /** The TaskBuild that made the image. */
  taskBuild?: TaskBuild;
}

/** Harbor's TrialConfig. Values of secrets are left out; only their variables' names are told. */
export function trialConfig(trial: Trial, { regraded }: TrialStatus = {}): object {
  const { agent, verifier, task, artifacts = [], regrade } = trial.spec;
  return {
    task: taskConfig(task),
    trial_name: trialName(identityOf(trial)),
    agent: {
      name: agent.name,
      model_name: agent.model ?? null,
      override_timeout_sec: agent.timeoutSeconds ?? null,
      override_setup_timeout_sec: agent.setupTimeoutSeconds,
      env: plainEnv(agent.env),
    },
    environment: { type: null, import_path: 'sb-operator:kubernetes' },
    verifier: {
      override_timeout_sec: verifier.timeoutSeconds ?? null,
      disable: verifier.disabled,
      env: plainEnv(verifier.env),
    },
    artifacts: artifacts.map(({ source, destination }) => ({ source, destination: destination ?? null })),
    ...(regrade && { source_trial: sourceTrial(regraded?.uri ?? placeOf(regrade)) }),
  };
}

/** Harbor's SourceTrialConfig. */
const sourceTrial = (path: string) => ({ action: 'regrade', type: 'local', path });

const placeOf = ({ trial = '', s3 }: NonNullable<Trial['spec']['regrade']>): string =>
  s3?.uri ?? `trial/${trial}`;

/** Harbor refuses a task with both a path and a name (its TaskConfig, models/trial/config.py); result.json has the name beside it. */
const taskConfig = ({ dataset, s3, configMap }: Trial['spec']['task']) => ({
  path: s3?.uri ?? `configmap/${configMap?.name ?? ''}`,
  source: dataset,
});

const plainEnv = (env: Trial['spec']['agent']['env']): Record<string, string> =>
  Object.fromEntries(
    (env ?? []).map(({ name, value, secretKeyRef }) => [name, value ?? `\${${secretKeyRef?.key ?? name}}`]),
  );

/** Harbor's TrialResult, and our own fields beside it (design §5). */
export function trialResult({ trial, status, outcome, taskBuild }: FinishedTrial): object {
  const { metadata, spec } = trial;
  const { name } = spec.task;
  const version = taskVersionOf(spec.task);
  return {
    id: metadata.uid,
    task_name: name,
    trial_name: trialName(identityOf(trial)),
    trial_uri: status.s3TrialUri,
    task_id: { path: version === null ? name : `${name}@${version}` },
    source: spec.task.dataset,
    task_checksum: version ?? 'unversioned',
    config: trialConfig(trial, status),
    agent_info: agentInfo(spec.agent),
    agent_result: outcome?.steps ? null : agentResult(status.usage),
    verifier_result: status.rewards ? { rewards: status.rewards } : null,
    verifier_environment_mode: spec.verifier.disabled ? null : verifierMode(status),
    exception_info: exceptionInfo(status),
    started_at: metadata.creationTimestamp ?? null,
    finished_at: status.finishedAt ?? null,
    ...phases(outcome),
    ...stepResults(outcome, status),
    usage: agentResult(status.usage),
    task_version: version,
    ...places(status),
    ...buildPlaces(status, taskBuild),
    attempts: status.attempts ?? [],
    ...whose(trial, status),
    ...trust(status, outcome),
    stored: storedOf(outcome),
    regraded_from: regradedFrom(status),
  };
}

/** Harbor's AgentInfo. */
const agentInfo = (agent: Trial['spec']['agent']) => ({
  name: shownName(agent),
  version: agent.version ?? agentFacts(agent.name)?.program?.version ?? 'unknown',
  model_info: modelInfo(agent.model),
});

/** A separate verifier has an image of its own. */
const verifierMode = ({ images = [] }: TrialStatus): 'shared' | 'separate' =>
  images.some(({ role }) => role !== 'agent') ? 'separate' : 'shared';

/** What a regrade has to know of the files; null where none were stored. */
const storedOf = ({ stored }: Partial<Outcome> = {}) => {
  if (stored?.manifestSha256 === undefined) return null;
  const { files, bytes, skipped, collected = 0, sharedVerifier = false, manifestSha256 } = stored;
  return {
    files,
    bytes,
    skipped,
    collected,
    shared_verifier: sharedVerifier,
    manifest_sha256: manifestSha256,
  };
};

/** The Trial whose agent's work was judged again, and the reward that it has itself. */
const regradedFrom = ({ regraded }: TrialStatus) =>
  regraded
    ? {
        trial_name: regraded.trial,
        s3_trial_uri: regraded.uri,
        reward: regraded.reward ?? null,
        rewards: regraded.rewards ?? null,
      }
    : null;

/** Whether tampering was seen, and whether the cluster kept the Pod to its network policy; null where nobody could tell. */
const trust = ({ integrity }: TrialStatus, outcome: Outcome | undefined) => ({
  integrity: integrity ?? null,
  network: outcome?.network ?? null,
});

/** What an index says of the Trial beside all that, so that it can be made anew of this file. */
const whose = (trial: Trial, status: TrialStatus) => {
  const { namespace, name } = identityOf(trial);
  const { state, reason } = stateOf({ ...trial, status });
  return { run: trial.spec.run ?? ADHOC_RUN, namespace, name, state, reason };
};

/** A task is read from under the key of a version only where it is that version. */
const taskVersionOf = ({ version, s3 }: Trial['spec']['task']): string | null =>
  version ?? versionOf(s3?.uri ?? '') ?? null;

const places = ({ s3TaskUri, s3TrialUri, logs }: TrialStatus) => ({
  s3_task_uri: s3TaskUri ?? null,
  s3_trial_uri: s3TrialUri ?? null,
  pod_log_group: logs?.group ?? null,
  pod_log_stream: logs?.stream ?? null,
  pod_logs_url: logs?.url ?? null,
});

const buildPlaces = ({ image }: TrialStatus, taskBuild: TaskBuild | undefined) => ({
  s3_task_context_uri: taskBuild?.spec.context.s3?.uri ?? null,
  ...imageOf(image ?? null, taskBuild?.status),
});

const imageOf = (run: string | null, { image, attempts }: TaskBuildStatus = {}) => ({
  image_uri: image ?? run,
  ...codebuild(attempts?.at(-1)),
});

/** Of the builders CodeBuild alone has a console. */
const codebuild = ({ buildId, consoleUrl }: Partial<BuildAttempt> = {}) => ({
  codebuild_build_id: consoleUrl === undefined ? null : (buildId ?? null),
  codebuild_console_url: consoleUrl ?? null,
});

function modelInfo(model: string | undefined): { name: string; provider: string | null } | null {
  if (model === undefined) return null;
  const slash = model.indexOf('/');
  return slash < 0
    ? { name: model, provider: null }
    : { name: model.slice(slash + 1), provider: model.slice(0, slash) };
}

/** Harbor's AgentContext, and who counted. */
const agentResult = (used: Usage | undefined) => ({
  ...usageFields(used),
  ...present({ model_usage: used?.models && modelUsage(used.models), counted_by: used?.countedBy }),
});

/** Harbor's ModelUsage of each model. Its counts are numbers always. */
const modelUsage = (models: NonNullable<Usage['models']>) =>
  Object.fromEntries(
    models.map(({ model, inputTokens = 0, cacheTokens = 0, outputTokens = 0, costUsd = null }) => [
      model,
      {
        n_input_tokens: inputTokens,
        n_cache_tokens: cacheTokens,
        n_output_tokens: outputTokens,
        cost_usd: costUsd,
      },
    ]),
  );

/**
 * Harbor's list of a task with `[[steps]]`, which alone has what a step has of its own; `steps_run` says how many ran, should the outcome have
 * had no room for all.
 */
const stepResults = ({ steps }: Partial<Outcome> = {}, status: TrialStatus) => {
  if (!steps) return { step_results: null, steps_run: null, steps_skipped: [], steps_stopped: null };
  const { listed, ran, skipped = [], stopped = null } = steps;
  return {
    verifier_environment_mode: null,
    agent_execution: null,
    verifier: null,
    step_results: listed.map((step) => stepResult(step, status)),
    steps_run: ran,
    steps_skipped: skipped,
    steps_stopped: stopped,
  };
};

/** Harbor's StepResult. */
const stepResult = (
  { name, result, exception, usage: used, timings }: StepOutcome,
  { finishedAt }: TrialStatus,
) => ({
  step_name: name,
  agent_result: used ? agentResult(used) : null,
  verifier_result: result.kind === 'rewarded' ? { rewards: result.rewards } : null,
  exception_info: exceptionInfo({ ...present({ exception, finishedAt }) }),
  agent_execution: timing(timings.agentExecution),
  verifier: timing(timings.verifier),
});

const exceptionInfo = ({ exception, finishedAt }: TrialStatus) =>
  exception
    ? {
        exception_type: exception.type,
        exception_message: exception.message,
        exception_traceback: '',
        occurred_at: finishedAt,
      }
    : null;

const HARBOR_PHASES: [Phase, string][] = [
  ['environmentSetup', 'environment_setup'],
  ['agentSetup', 'agent_setup'],
  ['agentExecution', 'agent_execution'],
  ['verifier', 'verifier'],
];

const phases = (outcome: Outcome | undefined): Record<string, object | null> =>
  Object.fromEntries(HARBOR_PHASES.map(([phase, name]) => [name, timing(outcome?.timings[phase])]));

const timing = (interval: Interval | undefined) =>
  interval ? { started_at: interval.startTime, finished_at: interval.completionTime ?? null } : null;

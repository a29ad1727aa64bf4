/** Tasks × agents × models × attempts → manifests. Nothing here reads or writes anything, and the same wish gives the same bytes. */
import { join } from 'node:path';
import { API_VERSION, LABEL } from '../../../crds/names.ts';
import type { EnvVar } from '../../../crds/environment.ts';
import {
  refusedBySpec,
  taskId,
  TaskFormatError,
  trialManifest,
  type Problem,
  type Task,
  type TrialManifest,
} from '../../../tasks/index.ts';
import { CliError } from '../../failures/error.ts';
import { quoted } from '../../../text/safe.ts';
import { problemLines, problemsOf, type LocatedProblem } from '../../../tasks/folder/problems.ts';
import type { InvalidTask, SelectedTask } from '../select/select.ts';
import { contenders, type Contender } from './agents.ts';
import { optionProblems } from './check-options.ts';
import { buildObjectName, checkRunName, trialObjectName } from './names.ts';
import type { AgentOption, RunOptions } from '../../documents/run-options.ts';
import { ofRun, withBackground, withResources, withTimeouts } from './overrides.ts';
import { RunSecrets } from './secrets.ts';
import type { BuildManifest, PlannedTask, PlanOptions, RunPlan } from './types.ts';
import type { Variables } from './variables.ts';

export type { BuildManifest, PlannedTask, PlanOptions, RunPlan } from './types.ts';

/** The dataset of tasks that come from a folder. */
const DATASET = 'local';
/** Causes that are told of. */
const SHOWN = 10;

/** What all tasks of a plan have in common. */
interface Shared extends PlanOptions {
  secrets: RunSecrets;
  contenders: Contender[];
}

/**
 * What a run comes to. Throws CliError: SB-E034 for the run's name, SB-E036 for an option, SB-E037 for an agent, SB-E035 for a variable,
 * SB-E014 for tasks that cannot be run by the agents that are wanted (unless `skipInvalid`).
 */
export function planRun(options: PlanOptions): RunPlan {
  checkRunName(options.run);
  checkOptions(options.options);
  const { run, bucket, namespace, selection, envFile = {}, environment } = options;
  const secrets = new RunSecrets({ run, namespace, envFile, environment });
  const shared: Shared = { ...options, secrets, contenders: contenders(options.options) };
  const skipped: InvalidTask[] = [...selection.invalid];
  const refused: RunPlan['refused'] = [];
  const tasks = selection.tasks.flatMap((selected) => {
    const { task, problems, refused: ofTask } = planTask(selected, shared);
    refused.push(...ofTask);
    if (problems.length > 0) skipped.push({ folder: selected.task.dir, problems });
    return task.trials.length > 0 ? [task] : [];
  });
  if (skipped.length > 0 && (!options.options.skipInvalid || tasks.length === 0))
    throw cannotRun(skipped, selection.root, tasks.length > 0);
  if (refused.length > 0 && tasks.length === 0) throw nothingTaken(refused);
  expectDistinct(tasks);
  const secret = secrets.manifest();
  return {
    run,
    bucket,
    dataset: DATASET,
    ...(namespace !== undefined && { namespace }),
    tasks,
    ...(secret && { secret }),
    skipped,
    refused,
  };
}

function checkOptions(options: RunOptions): void {
  const problems = optionProblems(options);
  if (problems.length === 0) return;
  const fix = 'sb cloud run --help';
  throw new CliError('SB-E036', { what: 'cannot plan the run', why: problems.join('\n'), fix });
}

interface Planned {
  task: PlannedTask;
  problems: LocatedProblem[];
  refused: RunPlan['refused'];
}

function planTask(selected: SelectedTask, shared: Shared): Planned {
  const refused: Planned['refused'] = [];
  const trials: TrialManifest[] = [];
  const problems = new Map<string, LocatedProblem>();
  let build: BuildManifest | undefined;
  for (const contender of shared.contenders) {
    try {
      const whole = manifestOf(selected, contender, shared);
      const faults = refusedBySpec(whole.spec, selected.task);
      if (faults.length > 0 && shared.options.skipInvalid)
        throw new TaskFormatError(join(selected.task.dir, 'task.toml'), faults);
      if (faults.length > 0) {
        refused.push(...refusedTrials(attempts(whole, { selected, contender, shared }), selected, faults));
        continue;
      }
      const { manifest, forced } = forceBuild(whole, selected, shared);
      build ??= forced;
      trials.push(...attempts(manifest, { selected, contender, shared }));
    } catch (error) {
      if (!(error instanceof TaskFormatError)) throw error;
      for (const problem of problemsOf(selected.task.dir, error)) problems.set(problem.message, problem);
    }
  }
  const task = { ...selected, trials, ...(build && { build }) };
  return { task, problems: [...problems.values()], refused };
}

/** What the API server would say to each of them; it is not asked. */
const refusedTrials = (
  trials: TrialManifest[],
  { task }: SelectedTask,
  faults: readonly Problem[],
): RunPlan['refused'] =>
  trials.map(({ metadata: { name } }) => ({
    name,
    error: new CliError('SB-E040', {
      what: `cannot create the Trial ${name}`,
      why: faults.map(({ message }) => message).join('\n'),
      fix: `sb task check ${quoted(task.dir)}`,
    }),
  }));

/**
 * With `--force-build` the Trial takes its image from a build of the run's own, which is done whatever image there is.
 */
function forceBuild(
  manifest: TrialManifest,
  { task }: SelectedTask,
  { run, namespace, options }: Shared,
): { manifest: TrialManifest; forced?: BuildManifest } {
  const { build, ...environment } = manifest.spec.environment ?? {};
  if (options.forceBuild !== true || !build) return { manifest };
  const name = buildObjectName(run, taskId(task));
  return {
    manifest: {
      ...manifest,
      spec: { ...manifest.spec, environment: { buildRef: { name }, ...environment } },
    },
    forced: {
      apiVersion: API_VERSION,
      kind: 'TaskBuild',
      metadata: { name, ...(namespace !== undefined && { namespace }), labels: { [LABEL.run]: run } },
      spec: { ...build, force: true },
    },
  };
}

/** The Trial of a task and an agent; its name is still to be given. */
function manifestOf(selected: SelectedTask, { agent, model }: Contender, shared: Shared): TrialManifest {
  const { run, bucket, namespace, options } = shared;
  const { env: _env, models: _models, ...choice } = agent;
  const { task, env } = withVariables(withResources(selected.task, options), agent, shared);
  const manifest = trialManifest(task, {
    bucket,
    dataset: DATASET,
    run,
    ...(namespace !== undefined && { namespace }),
    labels: { [LABEL.run]: run },
    agent: { ...choice, ...(model !== undefined && { model }) },
    ...(selected.contextSha256 !== undefined && { contextSha256: selected.contextSha256 }),
    // All that is set was filled in.
    variables: {},
  });
  const spec = withBackground(withTimeouts(manifest.spec, options), options);
  return {
    ...manifest,
    spec: {
      ...spec,
      environment: { ...spec.environment, ...listed(env.environment) },
      agent: { ...spec.agent, ...listed(env.agent) },
      verifier: { ...spec.verifier, ...listed(env.verifier) },
      ...ofRun(options),
    },
  };
}

/** The variables of a Trial, and the task with those alone that nobody set. */
function withVariables(task: Task, agent: AgentOption, { options, secrets }: Shared) {
  const { environment, solution, verifier } = task.config;
  const ofAgent = [
    ...secrets.envFile(),
    ...secrets.given(options.agentEnv ?? {}, 'agent'),
    ...secrets.given(agent.env ?? {}, `agent-${agent.name}`),
  ];
  const ofVerifier = secrets.given(options.verifierEnv ?? {}, 'verifier');
  const solves = agent.name === 'oracle';
  const env = {
    environment: secrets.ofTask(environment.env, ofAgent),
    agent: [...secrets.ofTask(solves ? withoutNames(solution.env, ofAgent) : {}, ofAgent), ...ofAgent],
    verifier: [...secrets.ofTask(withoutNames(verifier.env, ofVerifier), ofVerifier), ...ofVerifier],
  };
  return {
    env,
    task: {
      ...task,
      config: {
        ...task.config,
        environment: { ...environment, env: withoutNames(environment.env, env.environment) },
        solution: { ...solution, env: withoutNames(solution.env, env.agent) },
        verifier: { ...verifier, env: withoutNames(verifier.env, env.verifier) },
      },
    },
  };
}

/** Without the entries whose names the list has. */
function withoutNames(table: Variables, list: readonly EnvVar[]): Variables {
  const names = new Set(list.map(({ name }) => name));
  return Object.fromEntries(Object.entries(table).filter(([name]) => !names.has(name)));
}

/** Each name once: the last one wins. */
function listed(all: EnvVar[]): { env?: EnvVar[] } {
  const env = [...new Map(all.map((variable) => [variable.name, variable])).values()];
  return env.length > 0 ? { env } : {};
}

function attempts(
  manifest: TrialManifest,
  { selected, contender, shared }: { selected: SelectedTask; contender: Contender; shared: Shared },
): TrialManifest[] {
  const { run, options } = shared;
  const { agent, model } = contender;
  const identity = { run, taskId: taskId(selected.task), agent: agent.name, model };
  return Array.from({ length: options.attempts ?? 1 }, (_, index) => ({
    ...manifest,
    metadata: { ...manifest.metadata, name: trialObjectName({ ...identity, attempt: index + 1 }) },
  }));
}

function expectDistinct(tasks: PlannedTask[]): void {
  const names = new Set<string>();
  for (const { metadata } of tasks.flatMap(({ trials }) => trials)) {
    if (names.has(metadata.name))
      throw new CliError('SB-E034', {
        what: 'cannot name the Trials of the run',
        why: `two of them would be called ${metadata.name}`,
        fix: 'give another --run-name',
      });
    names.add(metadata.name);
  }
}

function nothingTaken(refused: RunPlan['refused']): CliError {
  const causes = [...new Set(refused.map(({ error }) => `${error.what}: ${error.why}`))];
  const more = causes.length > SHOWN ? [`… and ${causes.length - SHOWN} more`] : [];
  return new CliError('SB-E040', {
    what: `the API takes none of the ${refused.length} Trials`,
    why: [...causes.slice(0, SHOWN), ...more].join('\n'),
    fix: 'change what the cause names in task.toml or in the options of the run',
  });
}

function cannotRun(tasks: InvalidTask[], root: string, areOthers: boolean): CliError {
  const count = tasks.length === 1 ? 'a task' : `${tasks.length} tasks`;
  return new CliError('SB-E014', {
    what: `${count} of ${root} cannot be run`,
    why: problemLines(tasks, root).join('\n'),
    fix: areOthers
      ? 'correct them, or leave them out with --skip-invalid'
      : 'correct one of them: no task is left',
  });
}

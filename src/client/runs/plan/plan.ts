/** Tasks × agents × models × attempts → manifests. Nothing here reads or writes anything, and the same wish gives the same bytes. */
import { join } from 'node:path';
import { shownName } from '../../../crds/agents.ts';
import { API_VERSION, LABEL } from '../../../crds/names.ts';
import { present } from '../../../crds/present.ts';
import {
  refusedBySpec,
  taskHash,
  taskId,
  taskPrefix,
  TaskFormatError,
  taskVersion,
  type CompiledSpec,
  type CompileProblem,
  type Problem,
} from '../../../tasks/index.ts';
import { CliError } from '../../failures/error.ts';
import { quoted } from '../../../text/safe.ts';
import { problemLines, problemsOf, type LocatedProblem } from '../../../tasks/folder/problems.ts';
import type { InvalidTask, SelectedTask } from '../select/select.ts';
import { contenders, type Contender } from './agents.ts';
import { optionProblems } from './check-options.ts';
import { buildObjectName, checkRunName, trialObjectName } from './names.ts';
import type { RunOptions } from '../../documents/run-options.ts';
import { ofRun, withBackground, withSeparateVerifier, withTimeouts } from './overrides.ts';
import { resourcesOfRun } from './resources.ts';
import { effective } from './effective.ts';
import { RunSecrets } from './secrets.ts';
import { listed, variablesOf } from './trial-variables.ts';
import { DATASET } from './types.ts';
import type { BuildManifest, PlannedTask, PlanOptions, RunPlan, TrialManifest } from './types.ts';

export type { BuildManifest, PlannedTask, PlanOptions, RunPlan } from './types.ts';

/** Causes that are told of. */
const SHOWN = 10;

/** What all tasks of a plan have in common. */
interface Shared extends PlanOptions {
  folder: string;
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
  const { run, bucket, namespace, selection, envFile = {}, environment, defaults } = options;
  const secrets = new RunSecrets({ run, namespace, envFile, environment });
  const { folder = DATASET } = options;
  const shared: Shared = { ...options, folder, secrets, contenders: contenders(options.options) };
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
    folder: shared.folder,
    ...present({ namespace, defaults }),
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
      const made = manifestOf(selected, contender, shared);
      const whole = wholeOf(selected, made, shared);
      const faults = refusedBySpec(whole, selected.task);
      if (faults.length > 0 && shared.options.skipInvalid)
        throw new TaskFormatError(join(selected.task.dir, 'task.toml'), faults);
      if (faults.length > 0) {
        refused.push(...refusedTrials(attempts(made, { selected, contender, shared }), selected, faults));
        continue;
      }
      const { manifest, forced } = forceBuild(made, { selected, whole }, shared);
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
  { selected: { task }, whole }: { selected: SelectedTask; whole: CompiledSpec },
  { run, namespace, options }: Shared,
): { manifest: TrialManifest; forced?: BuildManifest } {
  const { build } = whole.environment;
  if (options.forceBuild !== true || !build) return { manifest };
  const { build: _own, ...environment } = manifest.spec.environment ?? {};
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

/** What the Trial comes to. Throws TaskFormatError where its task cannot be run. */
function wholeOf(selected: SelectedTask, { spec }: TrialManifest, { defaults }: Shared): CompiledSpec {
  const whole = effective(selected, spec, defaults);
  if (whole.problems.length > 0)
    throw new TaskFormatError(join(selected.task.dir, 'task.toml'), whole.problems.map(asTold));
  return whole.spec;
}

/** Who runs a task can set its variables. */
const asTold = ({ field, message, variable }: CompileProblem): Problem => ({
  field,
  message:
    variable === undefined
      ? message
      : `${field} needs the variable ${variable}, which is not set; set it, or give a default as in \${${variable}:-value}`,
});

/** The Trial of a task and an agent; its name is still to be given. Only what the run says is in it, the rest is the task's. */
function manifestOf(selected: SelectedTask, contender: Contender, shared: Shared): TrialManifest {
  const { namespace, run, options } = shared;
  const spec = withSeparateVerifier(specOf(selected, contender, shared), options);
  return {
    apiVersion: API_VERSION,
    kind: 'Trial',
    metadata: { name: '', ...(namespace !== undefined && { namespace }), labels: { [LABEL.run]: run } },
    spec: {
      ...withBackground(withTimeouts(spec, effective(selected, spec).spec, options), options),
      run,
      ...ofRun(options),
    },
  };
}

function specOf({ task }: SelectedTask, contender: Contender, shared: Shared): TrialManifest['spec'] {
  const { bucket, folder, options } = shared;
  const { agent, model } = contender;
  const { env: _env, models: _models, providers: _providers, maxCost: maxCostUsd, ...choice } = agent;
  const { steps, ...env } = variablesOf(task, contender, shared);
  const version = taskVersion(taskHash(task));
  const uri = `s3://${bucket}/${taskPrefix(folder, task.name, version)}`;
  const environment = {
    ...present({ resources: resourcesOfRun(options, task) }),
    ...listed(env.environment),
  };
  return {
    task: { name: task.name, dataset: DATASET, version, s3: { uri } },
    ...filled('environment', environment),
    agent: { ...choice, ...present({ model, maxCostUsd }), ...listed(env.agent) },
    ...filled('verifier', listed(env.verifier)),
    ...(steps.length > 0 && { steps }),
  };
}

/** `{ [field]: part }`, or nothing for a part with nothing in it. */
const filled = <Field extends string, Part extends object>(field: Field, part: Part) =>
  (Object.keys(part).length > 0 ? { [field]: part } : {}) as { [F in Field]?: Part };

function attempts(
  manifest: TrialManifest,
  { selected, contender, shared }: { selected: SelectedTask; contender: Contender; shared: Shared },
): TrialManifest[] {
  const { run, options } = shared;
  const { agent, model } = contender;
  const identity = { run, taskId: taskId(selected.task), agent: shownName(agent), model };
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

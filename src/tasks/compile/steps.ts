/** The steps of a task; one without `[[steps]]` is a single step without a name. */
import { solves } from '../../crds/agents.ts';
import { present } from '../../crds/present.ts';
import { verifierRole } from '../../crds/trial-status.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import type { Hook } from '../../wire/assignment.ts';
import { POD_PATHS } from '../../wire/pod-paths.ts';
import type { StepConfig, TaskConfig } from '../toml/schema.ts';
import { artifactCopies } from './artifacts.ts';
import { artifactsOf, besideMain, healthcheckOf, merged, phaseOf, tableOf, userOf } from './of-task.ts';
import { networksOf } from './network.ts';
import { badArtifact, badDefault, invalid, openVariables } from './problems.ts';
import type {
  CompilableTask,
  CompiledEnvironment,
  CompiledStep,
  CompileDefaults,
  CompileProblem,
} from './types.ts';
import { verifierEnvironment, verifierMode } from './verifier-environment.ts';

/** Which step of the task; `ofTask` is missing where it has none. */
interface Place {
  index: number;
  ofTask?: StepConfig;
}

/** A step, and what is odd or wrong about it. */
export interface MadeStep {
  step: CompiledStep;
  /** Of its verifier, where that is a separate one. */
  environment?: CompiledEnvironment;
  notes: string[];
  problems: CompileProblem[];
}

type OfTrial = NonNullable<TrialSpec['steps']>[number];

const placesOf = ({ steps = [] }: TaskConfig): [Place, ...Place[]] => {
  const [first, ...others] = steps.map((ofTask, index) => ({ index, ofTask }));
  return first ? [first, ...others] : [{ index: 0 }];
};

/** What all steps of a Trial have in common. */
export interface Given {
  spec: TrialSpec;
  task: CompilableTask;
  /** Of the agent. */
  environment: CompiledEnvironment;
  defaults: CompileDefaults;
}

/** All steps. */
export function stepsOf(given: Given): [MadeStep, ...MadeStep[]] {
  const [first, ...others] = placesOf(given.task.config);
  const make = (place: Place): MadeStep => {
    const made = withVerifier(stepFor(given.spec, given.task, place), place, given);
    return withNetworks(made, place, given);
  };
  return [make(first), ...others.map(make)];
}

/** A step as far as it is known where its verifier runs. */
type Draft = Omit<MadeStep, 'step'> & { step: Omit<CompiledStep, 'networks'> };

/** Says what its phases may reach. */
function withNetworks(made: Draft, { ofTask }: Place, { spec, task: { config } }: Given): MadeStep {
  const { step } = made;
  const networks = networksOf(spec, { config, ofTask, verifier: step.verifier });
  return { ...made, step: { ...step, networks } };
}

/** Says where the verifier runs. */
function withVerifier(
  made: Draft,
  { index, ofTask }: Place,
  { spec, task, environment: agent, defaults }: Given,
): Draft {
  const { step, problems } = made;
  const { disabled } = spec.verifier;
  const mode = verifierMode(spec, { config: task.config, ofTask }, defaults);
  if (typeof mode === 'object')
    return disabled ? made : { ...made, problems: [...problems, badDefault(mode.refused)] };
  if (mode === 'Shared' || disabled)
    return { ...made, step: { ...step, verifier: { ...step.verifier, mode } } };
  const own = verifierEnvironment({ spec, task, ofTask, agent });
  const role = verifierRole(ofTask && index);
  return {
    ...made,
    step: { ...step, verifier: { ...step.verifier, mode, role } },
    environment: own.environment,
    notes: [...made.notes, ...nothingCrosses(step)],
    problems: [...problems, ...own.problems],
  };
}

/** A task that was not made for it may have its tests look for what is in the agent's container alone. */
const nothingCrosses = ({ name, artifacts, uncopied = [] }: Draft['step']): string[] =>
  artifacts.length + uncopied.length > 0
    ? []
    : [
        `${name === undefined ? '' : `step ${name}: `}the verifier is a separate one, and there are no artifacts: of the agent’s files it sees ${POD_PATHS.logs}/artifacts alone`,
      ];

function stepFor(spec: TrialSpec, task: CompilableTask, { index, ofTask }: Place): Draft {
  const name = ofTask?.name;
  const ofTrial = spec.steps?.find((step) => step.name === name);
  const verifier = verifierFor(spec, task.config, { index, ofTask, ofTrial });
  const { artifacts, uncopied, notes, faults } = artifactCopies(
    spec.artifacts?.length ? spec.artifacts : [...artifactsOf(task.config), ...artifactsOf(ofTask)],
  );
  return {
    step: {
      ...present({ name, healthcheck: ofTask?.healthcheck && healthcheckOf(ofTask.healthcheck) }),
      agent: agentFor(spec, task.config, { ofTask, ofTrial }),
      verifier: verifier.verifier,
      hooks: [...hooksOf(task.config), ...hooksOf(ofTask)],
      artifacts,
      ...(uncopied.length > 0 && { uncopied }),
      ...present({ minRewards: minRewardsOf(ofTrial, ofTask) }),
    },
    notes,
    problems: [...verifier.problems, ...faults.map(badArtifact)],
  };
}

interface Said {
  ofTask: StepConfig | undefined;
  ofTrial: OfTrial | undefined;
}

const agentFor = (
  { agent }: TrialSpec,
  config: TaskConfig,
  { ofTask, ofTrial }: Said,
): CompiledStep['agent'] => ({
  ...phaseOf(config.agent),
  ...phaseOf(ofTask?.agent),
  ...agent,
  ...ofTrial?.agent,
  env: merged(agent.env, tableOf(solves(agent.name) ? config.solution.env : {}).env),
});

function verifierFor(
  { verifier }: TrialSpec,
  config: TaskConfig,
  { index, ofTask, ofTrial }: Said & { index: number },
): Pick<MadeStep, 'problems'> & Pick<CompiledStep, 'verifier'> {
  const given = merged(ofTrial?.verifier?.env, verifier.env);
  const table = tableOf({ ...config.verifier.env, ...ofTask?.verifier.env });
  const fieldOf = (key: string): string =>
    ofTask && Object.hasOwn(ofTask.verifier.env, key) ? `steps[${index}].verifier.env` : 'verifier.env';
  return {
    verifier: {
      // A step that says none has Harbor's default, whatever [verifier] says.
      timeoutSeconds: Math.ceil((ofTask ?? config).verifier.timeout_sec),
      ...present({ user: userOf(ofTask?.verifier) ?? userOf(config.verifier) }),
      ...verifier,
      ...ofTrial?.verifier,
      env: merged(given, table.env),
    },
    problems: openVariables(fieldOf, table, given),
  };
}

const hooksOf = (said: Pick<StepConfig, 'verifier'> | undefined): Hook[] =>
  (said?.verifier.collect ?? []).map(({ command, timeout_sec: timeoutSeconds, ...hook }) => ({
    command,
    timeoutSeconds,
    ...present({ user: userOf(hook), service: besideMain(hook.service) }),
  }));

/** A number is the least `reward`. */
function minRewardsOf(
  ofTrial: OfTrial | undefined,
  ofTask: StepConfig | undefined,
): Record<string, number> | undefined {
  const least = ofTrial?.minRewards ?? ofTrial?.minReward ?? ofTask?.min_reward;
  return typeof least === 'number' ? { reward: least } : least;
}

/** Steps that the Trial names and the task has not. */
export const unknownSteps = ({ steps = [] }: TrialSpec, config: TaskConfig): CompileProblem[] =>
  steps
    .filter(({ name }) => !config.steps?.some((step) => step.name === name))
    .map(({ name }) =>
      invalid('spec.steps', `spec.steps names the step ${JSON.stringify(name)}, which the task has not`),
    );

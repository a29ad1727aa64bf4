/** Task + Trial → what is to be run: see types.ts for the table. */
import { solves } from '../../crds/agents.ts';
import type { EnvVar } from '../../crds/environment.ts';
import { present } from '../../crds/present.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import type { TaskConfig } from '../toml/schema.ts';
import { modelFor, reaching } from './endpoint.ts';
import { environmentOf, hasSeeds, imageOf, merged, tableOf, type Table } from './of-task.ts';
import { badHosts } from './network.ts';
import {
  missingFiles,
  noImage,
  notSeparate,
  onceEach,
  openVariables,
  tooManyVariables,
  unsupportedProblems,
} from './problems.ts';
import { completeResources, mainResources } from './resources.ts';
import {
  composedOf,
  mainImage,
  ownEnvironment,
  servicesOf,
  unknownServices,
  type Composed,
} from './services.ts';
import { stepsOf, unknownSteps, type MadeStep } from './steps.ts';
import { toolsFor } from './tools.ts';
import type {
  CompilableTask,
  Compiled,
  CompiledEnvironment,
  CompiledSpec,
  CompiledStep,
  CompileDefaults,
  CompileProblem,
} from './types.ts';

/** `spec` is as the API server stores it, with the schema's defaults. Never throws: what is wrong with the task is in `problems`. */
export function compile(given: TrialSpec, task: CompilableTask, defaults: CompileDefaults = {}): Compiled {
  const spec = given.regrade ? withoutAgent(given) : given;
  const { config } = task;
  const variables = tableOf(config.environment.env);
  const composed = composedOf(task, merged(spec.environment.env, variables.env));
  const environment = environmentFor(spec, task, { env: variables.env, composed });
  // What the agent left is there without what was beside it.
  const beside = spec.regrade ? NOTHING : servicesOf(composed, { spec, task, agent: environment });
  const [first, ...others] = stepsOf({ spec, task, environment, defaults });
  const all = [first, ...others];
  const { rewardStrategy = config.multi_step_reward_strategy === 'final' ? 'Final' : 'Mean' } = spec;
  const tools = toolsFor(config.environment, {
    agent: spec.agent.name,
    variables: new Set([...environment.env, ...first.step.agent.env].map(({ name }) => name)),
  });
  const model = modelFor(first.step.agent, defaults.installation);
  const equipped = (step: CompiledStep): CompiledStep => ({
    ...step,
    agent: { ...step.agent, ...tools.given, ...present({ endpoint: model.endpoint }) },
    networks: reaching(step.networks, model.hosts),
  });
  return {
    environments: { agent: environment, ...verifierEnvironments(all), ...beside.environments },
    services: beside.services,
    ...(hasSeeds(task) && { seeds: true }),
    steps: [equipped(first.step), ...others.map(({ step }) => equipped(step))],
    rewardStrategy,
    ...present({ version: spec.task.version ?? task.version }),
    notes: [...new Set([...all.flatMap(({ notes }) => notes), ...model.notes])],
    problems: onceEach([
      ...unsupportedProblems(task),
      ...composed.problems,
      ...beside.problems,
      ...unknownServices(
        all.map(({ step }) => step),
        composed,
      ),
      ...unknownSteps(spec, config),
      ...badHosts(spec),
      ...all.flatMap(({ step: { name, verifier }, environment: own }) =>
        missingFiles(spec, task, { name, needsTest: !verifier.disabled && !own?.hasTests }),
      ),
      ...(hasImage(environment) ? [] : [noImage()]),
      ...openVariables(() => 'environment.env', variables, spec.environment.env),
      ...openOfSolution(spec.agent, config),
      ...tools.problems,
      ...model.problems,
      ...all.flatMap(({ problems }) => problems),
      ...(spec.regrade ? all.flatMap(({ step }) => notSeparate(step)) : []),
      ...tooManyVariables([...tablesOf(config), ...composed.services]),
    ]),
  };
}

/** Of a regrade the agent has run already: the Trial names it, for the record. */
function withoutAgent({ agent, steps, ...spec }: TrialSpec): TrialSpec {
  const { setupTimeoutSeconds } = agent;
  return {
    ...spec,
    agent: { name: 'nop', setupTimeoutSeconds },
    ...(steps && { steps: steps.map(({ agent: _agent, ...step }) => step) }),
  };
}

const NOTHING: ReturnType<typeof servicesOf> = { environments: {}, services: [], problems: [] };

const verifierEnvironments = (
  steps: Pick<MadeStep, 'step' | 'environment'>[],
): Omit<Compiled['environments'], 'agent'> =>
  Object.fromEntries(
    steps.flatMap(({ step: { verifier }, environment }) =>
      verifier.role && environment ? [[verifier.role, environment]] : [],
    ),
  );

const openOfSolution = ({ name, env }: TrialSpec['agent'], { solution }: TaskConfig): CompileProblem[] =>
  solves(name) ? openVariables(() => 'solution.env', tableOf(solution.env), env) : [];

const tablesOf = ({ environment, solution, verifier, steps = [] }: TaskConfig): Table[] =>
  [environment, solution, verifier, ...steps.map((step) => step.verifier)].map(({ env }) => tableOf(env));

const hasImage = ({ image, buildRef, build }: TrialSpec['environment']): boolean =>
  (image ?? buildRef ?? build) !== undefined;

/** Of Trial, then of task.toml, then of what the compose file says of main; of amounts and image that goes before task.toml, as in Harbor. */
function environmentFor(
  spec: TrialSpec,
  task: CompilableTask,
  { env, composed }: { env: EnvVar[]; composed: Composed },
): CompiledEnvironment {
  const { environment: own } = spec;
  const ofTask = environmentOf(task.config.environment);
  const environment = {
    ...(hasImage(own) ? {} : (mainImage(composed, spec, task) ?? imageOf(task, spec.task.name))),
    ...ofTask,
    ...own,
    resources: completeResources(own.resources, ofTask.resources),
    env: merged(own.env, env),
  };
  const { main } = composed;
  if (!main) return environment;
  return {
    ...ownEnvironment(main),
    ...environment,
    allowPrivilegeEscalation: own.allowPrivilegeEscalation && !main.noNewPrivileges,
    resources: completeResources(own.resources, mainResources(main.resources, ofTask.resources)),
    env: merged(environment.env, main.env),
  };
}

/** The Trial's spec with everything said, for one step, else the first. */
export function filledIn(spec: TrialSpec, compiled: Compiled, step = compiled.steps[0]): CompiledSpec {
  const { environments, steps, services } = compiled;
  return {
    ...spec,
    environment: environments.agent,
    environments,
    agent: step.agent,
    verifier: step.verifier,
    work: steps,
    services,
  };
}

/** A task may have many faults, and long names in them. */
const MESSAGE_MAX = 1024;

/** Why the Trial ends for what is wrong with its task; undefined where nothing is. */
export function refusalOf({
  problems,
}: Pick<Compiled, 'problems'>): { reason: 'TaskInvalid' | 'TaskUnsupported'; message: string } | undefined {
  const unsupported = problems.filter(({ reason }) => reason === 'TaskUnsupported');
  const told = unsupported.length > 0 ? unsupported : problems;
  const [first] = told;
  const message = told
    .map((problem) => problem.message)
    .join('; ')
    .slice(0, MESSAGE_MAX);
  return first && { reason: first.reason, message };
}

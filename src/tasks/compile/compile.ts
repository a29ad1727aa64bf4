/** Task + Trial → what is to be run: see types.ts for the table. */
import { solves } from '../../crds/agents.ts';
import type { EnvVar } from '../../crds/environment.ts';
import { present } from '../../crds/present.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import type { Hook } from '../../wire/assignment.ts';
import type { TaskConfig } from '../toml/schema.ts';
import { artifactCopies } from './artifacts.ts';
import { artifactsOf, environmentOf, imageOf, phaseOf, tableOf } from './of-task.ts';
import {
  badArtifact,
  missingFiles,
  noImage,
  openVariables,
  tooManyVariables,
  unsupportedProblems,
} from './problems.ts';
import { completeResources } from './resources.ts';
import type { CompilableTask, Compiled, CompiledEnvironment, CompiledSpec } from './types.ts';

/** The Trial's variables, then those of the task that it does not set. */
const merged = (own: EnvVar[] = [], ofTask: EnvVar[]): EnvVar[] => [
  ...own,
  ...ofTask.filter(({ name }) => !own.some((one) => one.name === name)),
];

/** `spec` is as the API server stores it, with the schema's defaults. Never throws: what is wrong with the task is in `problems`. */
export function compile(spec: TrialSpec, task: CompilableTask): Compiled {
  const { agent, verifier } = spec;
  const { config } = task;
  const tables = {
    environment: tableOf(config.environment.env),
    solution: tableOf(solves(agent.name) ? config.solution.env : {}),
    verifier: tableOf(config.verifier.env),
  };
  const environment = environmentFor(spec, task, tables.environment.env);
  const { artifacts, uncopied, notes, faults } = artifactCopies(
    spec.artifacts?.length ? spec.artifacts : artifactsOf(config),
  );
  return {
    environments: { agent: environment },
    steps: [
      {
        agent: { ...phaseOf(config.agent), ...agent, env: merged(agent.env, tables.solution.env) },
        verifier: {
          ...phaseOf(config.verifier),
          timeoutSeconds: verifier.timeoutSeconds ?? Math.ceil(config.verifier.timeout_sec),
          ...verifier,
          env: merged(verifier.env, tables.verifier.env),
        },
        hooks: hooksOf(config),
        artifacts,
        ...(uncopied.length > 0 && { uncopied }),
      },
    ],
    ...present({ version: spec.task.version ?? task.version }),
    notes,
    problems: [
      ...unsupportedProblems(task),
      ...missingFiles(spec, task),
      ...(hasImage(environment) ? [] : [noImage()]),
      ...openVariables('environment.env', tables.environment, spec.environment.env),
      ...openVariables('verifier.env', tables.verifier, verifier.env),
      ...openVariables('solution.env', tables.solution, agent.env),
      ...tooManyVariables(Object.values(tables)),
      ...faults.map(badArtifact),
    ],
  };
}

const hasImage = ({ image, buildRef, build }: TrialSpec['environment']): boolean =>
  (image ?? buildRef ?? build) !== undefined;

function environmentFor(
  { environment: own, task: { name } }: TrialSpec,
  task: CompilableTask,
  env: EnvVar[],
): CompiledEnvironment {
  const ofTask = environmentOf(task.config);
  return {
    ...(hasImage(own) ? {} : imageOf(task, name)),
    ...ofTask,
    ...own,
    resources: completeResources(own.resources, ofTask.resources),
    env: merged(own.env, env),
  };
}

const hooksOf = ({ verifier }: TaskConfig): Hook[] =>
  verifier.collect.map(({ command, timeout_sec: timeoutSeconds, user }) => ({
    command,
    timeoutSeconds,
    ...(user !== undefined && { user: String(user) }),
  }));

/** The Trial's spec with everything said. */
export function filledIn(spec: TrialSpec, { environments, steps: [step] }: Compiled): CompiledSpec {
  return {
    ...spec,
    environment: environments.agent,
    agent: step.agent,
    verifier: step.verifier,
    hooks: step.hooks,
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

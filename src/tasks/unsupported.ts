/** What the format allows and this version of the operator does not run. Each row goes away when its feature comes. */
import { MAIN } from './compose/compose.ts';
import { COMPOSE_FILE } from './compose/document.ts';
import {
  composeProblems,
  missingOfCompose,
  supposedCompose,
  toldOf,
  type WithCompose,
} from './compose/of-task.ts';
import type { ComposeProblem } from './compose/types.ts';
import type { ArtifactConfig, EnvironmentConfig, StepConfig, TaskConfig } from './toml/schema.ts';

export interface Unsupported {
  /** Field of task.toml, or a path in the task's folder. */
  field: string;
  /** Why it is refused, in a sentence that goes on after the field's name. */
  reason: string;
  /** Harbor would not run it either. */
  invalid?: true;
}

const environmentRows: [string, (environment: EnvironmentConfig) => boolean, string][] = [
  ['os', ({ os }) => os !== 'linux', 'only linux is supported'],
  ['tpu', ({ tpu }) => tpu !== undefined, 'TPUs are not supported'],
];

const artifact = (entry: ArtifactConfig): Exclude<ArtifactConfig, string> =>
  typeof entry === 'string' ? { source: entry } : entry;

type Services = Pick<StepConfig, 'verifier' | 'artifacts'>;

/** Services of a task, or of one of its steps, that are not there: `prefix` stands before the fields' names. */
function unknownServices(
  { verifier, artifacts }: Services,
  known: ReadonlySet<string>,
  prefix = '',
): Unsupported[] {
  const used = [
    ...verifier.collect.map(({ service }) => ['verifier.collect', service] as const),
    ...artifacts.map((entry) => ['artifacts', artifact(entry).service ?? MAIN] as const),
  ];
  return used
    .filter(([, service]) => !known.has(service))
    .map(([field, service]) => ({
      field: prefix + field,
      reason: `names the service ${service}, which ${COMPOSE_FILE} has not`,
      invalid: true,
    }));
}

/** Of the whole task. */
function withoutService(task: WithCompose): Unsupported[] {
  const known = new Set([MAIN, ...(supposedCompose(task)?.services ?? []).map(({ name }) => name)]);
  return [
    ...unknownServices(task.config, known),
    ...(task.config.steps ?? []).flatMap((step, index) => unknownServices(step, known, `steps[${index}].`)),
  ];
}

/** Every field of a task.toml that this version does not run; empty when it runs all of it. */
export function unsupportedFields(config: TaskConfig): Unsupported[] {
  return environmentRows
    .filter(([, applies]) => applies(config.environment))
    .map(([field, , reason]) => ({ field: `environment.${field}`, reason }));
}

/** `unsupportedFields`, and the same for the task's docker-compose.yaml. */
export const unsupportedParts = (task: WithCompose): Unsupported[] => [
  ...unsupportedFields(task.config),
  ...composeProblems(task).map(partOf),
  ...withoutService(task),
];

/** What lies in no folder although it is asked for; of a task of which all files are known. */
export const missingParts = (task: WithCompose): Unsupported[] => missingOfCompose(task).map(partOf);

const partOf = (problem: ComposeProblem): Unsupported => ({
  field: COMPOSE_FILE,
  reason: toldOf(problem),
  ...(problem.kind === 'invalid' && { invalid: true }),
});

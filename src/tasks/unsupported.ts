/** What the format allows and this version of the operator does not run. Each row goes away when its feature comes. */
import { COMPOSE_FILE } from './compose/document.ts';
import { composeProblems, missingOfCompose, toldOf, type WithCompose } from './compose/of-task.ts';
import type { ComposeProblem } from './compose/types.ts';
import type { ArtifactConfig, EnvironmentConfig, StepConfig, TaskConfig } from './toml/schema.ts';
import { hasFile } from './task.ts';

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

/** Services of a task, or of one of its steps: `prefix` stands before the fields' names. */
function servicesOf(
  { verifier, artifacts }: Pick<StepConfig, 'verifier' | 'artifacts'>,
  prefix = '',
): Unsupported[] {
  const reason = 'only the service main is supported yet';
  const used = [
    ['verifier.collect', verifier.collect.map(({ service }) => service)],
    ['artifacts', artifacts.map((entry) => artifact(entry).service ?? 'main')],
  ] as const;
  return used
    .filter(([, services]) => services.some((service) => service !== 'main'))
    .map(([field]) => ({ field: prefix + field, reason }));
}

/** Every field of a task.toml that this version does not run; empty when it runs all of it. */
export function unsupportedFields(config: TaskConfig): Unsupported[] {
  return [
    ...environmentRows
      .filter(([, applies]) => applies(config.environment))
      .map(([field, , reason]) => ({ field: `environment.${field}`, reason })),
    ...servicesOf(config),
    ...(config.steps ?? []).flatMap((step, index) => servicesOf(step, `steps[${index}].`)),
  ];
}

/** `unsupportedFields`, and the same for what lies in the task's folder. */
export function unsupportedParts(task: WithCompose): Unsupported[] {
  const ofCompose = composeProblems(task).map(partOf);
  return [
    ...unsupportedFields(task.config),
    ...ofCompose,
    ...(ofCompose.length === 0 ? unrunFiles(task) : []),
  ];
}

/** Files that nobody reads yet. */
export const unrunFiles = (task: Pick<WithCompose, 'files'>): Unsupported[] =>
  hasFile(task, COMPOSE_FILE) ? [NOT_YET] : [];

/** What lies in no folder although it is asked for; of a task of which all files are known. */
export const missingParts = (task: WithCompose): Unsupported[] => missingOfCompose(task).map(partOf);

const partOf = (problem: ComposeProblem): Unsupported => ({
  field: COMPOSE_FILE,
  reason: toldOf(problem),
  ...(problem.kind === 'invalid' && { invalid: true }),
});

const NOT_YET: Unsupported = {
  field: COMPOSE_FILE,
  reason: 'Docker Compose is not supported yet',
};

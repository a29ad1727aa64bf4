/** What the format allows and this version of the operator does not run. Each row goes away when its feature comes. */
import type { ArtifactConfig, EnvironmentConfig, StepConfig, TaskConfig } from './toml/schema.ts';
import { hasFile } from './task.ts';

export interface Unsupported {
  /** Field of task.toml, or a path in the task's folder. */
  field: string;
  /** Why it is refused, in a sentence that goes on after the field's name. */
  reason: string;
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

const COMPOSE_FILE = 'environment/docker-compose.yaml';

/** `unsupportedFields`, and the same for what lies in the task's folder. */
export function unsupportedParts(task: {
  config: TaskConfig;
  files: readonly { path: string }[];
}): Unsupported[] {
  const parts = unsupportedFields(task.config);
  if (hasFile(task, COMPOSE_FILE))
    parts.push({ field: COMPOSE_FILE, reason: 'Docker Compose is not supported yet' });
  return parts;
}

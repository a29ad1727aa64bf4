/** The docker-compose.yaml of a task, before anybody runs it. */
import { hasFile } from '../task.ts';
import type { TaskConfig } from '../toml/schema.ts';
import { templateOf } from '../toml/variables.ts';
import { composeOf } from './compose.ts';
import { COMPOSE_FILE, type ComposeSource } from './document.ts';
import type { Compose, ComposeProblem, ComposeService } from './types.ts';
import { composeVariables } from './variables.ts';

export interface WithCompose {
  config: TaskConfig;
  files: readonly { path: string }[];
  compose?: ComposeSource;
}

/** What a variable holds that only a Trial fills: most values that may stand there read as a number, a path or a name. */
const SOMETHING = '1';

/** Undefined for a task without such a file. Variables of the Trial's count as set. */
export function supposedCompose({ config, compose }: WithCompose): Compose | undefined {
  if (!compose) return undefined;
  const env = Object.entries(config.environment.env).map(([name, value]) => {
    const template = templateOf(value);
    return { name, value: template ? (template.fallback ?? SOMETHING) : value };
  });
  return composeOf(compose, composeVariables(config.environment, env));
}

/** What keeps it from being run, by the task alone. */
export function composeProblems(task: WithCompose): ComposeProblem[] {
  if (!hasFile(task, COMPOSE_FILE)) return [];
  return supposedCompose(task)?.problems ?? [notStored()];
}

export const notStored = (): ComposeProblem => ({
  kind: 'invalid',
  field: '',
  says: 'it was not stored with the task; store the task again with sb task push or sb cloud run',
});

/** Files that its services need and that the task has not. `files` are all of the task's. */
export function missingOfCompose({ files, ...task }: WithCompose): ComposeProblem[] {
  const { services = [] } = supposedCompose({ files, ...task }) ?? {};
  const has = (path: string): boolean =>
    files.some((file) => file.path === path || file.path.startsWith(`${path}/`));
  return services.flatMap((service) => [
    ...copiesOf(service).flatMap((from) =>
      has(from) ? [] : [missing(service, 'volumes', `${from} is not in the task`)],
    ),
    ...(service.build ? dockerfilesOf(service.build) : []).flatMap((path) =>
      has(path) ? [] : [missing(service, 'build', `${path} is not in the task`)],
    ),
  ]);
}

const copiesOf = ({ mounts }: ComposeService): string[] =>
  mounts.flatMap((mount) => (mount.kind === 'copy' ? [mount.from] : []));

const dockerfilesOf = ({
  context,
  dockerfile = 'Dockerfile',
}: NonNullable<ComposeService['build']>): string[] => [`${context}${dockerfile}`];

const missing = ({ name }: ComposeService, key: string, says: string): ComposeProblem => ({
  kind: 'invalid',
  field: `services.${name}.${key}`,
  says,
});

/** Folders that images of services are built of, each with its closing slash. */
export const composeContexts = (task: WithCompose): string[] => [
  ...new Set((supposedCompose(task)?.services ?? []).flatMap(({ build }) => build?.context ?? [])),
];

/** As one sentence: the field, and what is wrong with it. */
export const toldOf = ({ field, says }: Pick<ComposeProblem, 'field' | 'says'>): string =>
  field === '' ? says : `${field}: ${says}`;

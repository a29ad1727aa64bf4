/** The docker-compose.yaml of a task, before anybody runs it. */
import { CONTEXT, hasFile } from '../task.ts';
import type { TaskConfig } from '../toml/schema.ts';
import { templateOf } from '../toml/variables.ts';
import { composeOf, MAIN } from './compose.ts';
import { COMPOSE_FILE, type ComposeSource } from './document.ts';
import type { Compose, ComposeProblem, ComposeService } from './types.ts';
import { composeVariables, MAIN_IMAGE } from './variables.ts';

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
export function missingOfCompose(task: WithCompose): ComposeProblem[] {
  const { files, config } = task;
  const { services = [] } = supposedCompose(task) ?? {};
  const has = (path: string): boolean =>
    files.some((file) => file.path === path || file.path.startsWith(`${path}/`));
  const isReady = config.environment.docker_image !== undefined;
  return services
    .flatMap((service) => neededBy(service, isReady))
    .filter(({ path }) => !has(path))
    .map(({ field, path }) => ({ kind: 'invalid', field, says: `${path} is not in the task` }));
}

interface Needed {
  field: string;
  path: string;
}

/** `isReady`: main has an image by task.toml. */
function neededBy({ name, image, build, mounts }: ComposeService, isReady: boolean): Needed[] {
  const field = `services.${name}`;
  const isBuilt = name === MAIN && !isReady && (image ?? MAIN_IMAGE) === MAIN_IMAGE;
  const { context, dockerfile = 'Dockerfile' } = build ?? { context: CONTEXT };
  return [
    ...mounts.flatMap((mount) =>
      mount.kind === 'copy' ? [{ field: `${field}.volumes`, path: mount.from }] : [],
    ),
    ...(build || isBuilt ? [{ field: `${field}.build`, path: `${context}${dockerfile}` }] : []),
  ];
}

/** Folders that images of services are built of, each with its closing slash. */
export const composeContexts = (task: WithCompose): string[] => [
  ...new Set((supposedCompose(task)?.services ?? []).flatMap(({ build }) => build?.context ?? [])),
];

/** As one sentence: the field, and what is wrong with it. */
export const toldOf = ({ field, says }: Pick<ComposeProblem, 'field' | 'says'>): string =>
  field === '' ? says : `${field}: ${says}`;

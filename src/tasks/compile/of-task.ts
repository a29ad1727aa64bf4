/** What a task says, in the words of a Trial's spec. */
import Value from 'typebox/value';
import type { EnvVar, Healthcheck } from '../../crds/environment.ts';
import { present } from '../../crds/present.ts';
import { BuildTemplate } from '../../crds/task-build.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import { MAIN } from '../compose/compose.ts';
import { CONTEXT, hasFile } from '../task.ts';
import type { EnvironmentConfig, TaskConfig } from '../toml/schema.ts';
import { resolveEnv, type MissingVariable } from '../toml/variables.ts';
import { resourcesOf } from './resources.ts';
import type { CompilableTask } from './types.ts';

/** Variables of one table: those with a value, and those that only a Trial can fill. */
export interface Table {
  env: EnvVar[];
  open: MissingVariable[];
}

/** Durations of the API are whole seconds. */
const whole = (seconds: number): number => Math.ceil(seconds);

/** The Trial's variables, then those of the task that it does not set. */
export const merged = (own: EnvVar[] = [], ofTask: EnvVar[] = []): EnvVar[] => [
  ...own,
  ...ofTask.filter(({ name }) => !own.some((one) => one.name === name)),
];

/** Takes the defaults of `${VAR:-default}`; whoever submits the task puts the values of `${VAR}` into the Trial. */
export function tableOf(table: Record<string, string>): Table {
  const { env, missing } = resolveEnv(table, {});
  const open = new Set(missing.map(({ key }) => key));
  return {
    env: Object.entries(env).flatMap(([name, value]) => (open.has(name) ? [] : [{ name, value }])),
    open: missing,
  };
}

/** The task's image: ready-made, or a build of its context; undefined where it has neither. `name` is the task's. */
export function imageOf(
  { config, context }: CompilableTask,
  name: string,
): { image: string } | { build: BuildTemplate } | undefined {
  const { docker_image: image, build_timeout_sec: timeout } = config.environment;
  if (image !== undefined) return { image };
  if (!context) return undefined;
  const build = {
    context: { s3: context },
    // The readable beginning: the operator adds the hash.
    tag: name.slice(name.lastIndexOf('/') + 1).slice(0, 100),
    timeoutSeconds: whole(timeout),
  };
  return { build: Value.Default(BuildTemplate, build) as BuildTemplate };
}

/**
 * Whether the files of `environment/` are put into the working directory: those beside an image that none of them builds, as in Harbor.
 */
export const hasSeeds = ({ config, files }: CompilableTask): boolean =>
  config.environment.docker_image !== undefined &&
  files.some(({ path }) => path.startsWith(CONTEXT)) &&
  !['Dockerfile', 'docker-compose.yaml'].some((name) => hasFile({ files }, CONTEXT + name));

/** Everything but the image and the variables. */
export function environmentOf(environment: EnvironmentConfig) {
  const { gpus, gpu_types: gpuTypes = [], workdir, healthcheck } = environment;
  return present({
    resources: resourcesOf(environment),
    gpus: gpus === 0 ? undefined : gpus,
    gpuTypes: gpuTypes.length > 0 ? gpuTypes : undefined,
    workdir,
    healthcheck: healthcheck && healthcheckOf(healthcheck),
  });
}

export const healthcheckOf = (check: NonNullable<EnvironmentConfig['healthcheck']>): Healthcheck => ({
  command: check.command,
  intervalSeconds: whole(check.interval_sec),
  timeoutSeconds: whole(check.timeout_sec),
  startPeriodSeconds: whole(check.start_period_sec),
  startIntervalSeconds: whole(check.start_interval_sec),
  retries: Math.max(1, check.retries),
});

type User = string | number;

export const userOf = ({ user }: { user?: User } = {}): string | undefined =>
  user === undefined ? undefined : String(user);

/** Limit and user of a phase. */
export const phaseOf = (said: { timeout_sec?: number; user?: User } = {}) =>
  present({
    timeoutSeconds: said.timeout_sec === undefined ? undefined : whole(said.timeout_sec),
    user: userOf(said),
  });

/** Missing: main. */
export const besideMain = (service: string | undefined): string | undefined =>
  service === MAIN ? undefined : service;

/** Artifacts of a task or of one of its steps. */
export const artifactsOf = (
  { artifacts }: Pick<TaskConfig, 'artifacts'> = { artifacts: [] },
): NonNullable<TrialSpec['artifacts']> =>
  artifacts.map((artifact) =>
    typeof artifact === 'string'
      ? { source: artifact }
      : {
          source: artifact.source,
          ...present({ destination: artifact.destination, service: besideMain(artifact.service) }),
          ...(artifact.exclude?.length && { exclude: artifact.exclude }),
        },
  );

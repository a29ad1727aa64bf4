/** What the API server would refuse in the Trial of a task, by the names of task.toml. */
import Value from 'typebox/value';
import { Healthcheck, type EnvVar } from '../../crds/environment.ts';
import { present } from '../../crds/present.ts';
import { refusals, type Refusal } from '../../crds/refusals.ts';
import { valueAt } from '../../crds/schema-errors.ts';
import { Type } from '../../crds/schema.ts';
import { TrialSpec } from '../../crds/trial.ts';
import { fieldName, type Problem } from '../toml/problems.ts';
import type { TaskConfig } from '../toml/schema.ts';
import { compile, filledIn } from './compile.ts';
import { artifactsOf, healthcheckOf, tableOf } from './of-task.ts';
import { onceEach } from './problems.ts';
import type { CompilableTask, CompiledSpec } from './types.ts';

/** A problem, and where in task.toml it comes from. */
export interface LocatedRefusal extends Problem {
  path: (string | number)[];
}

/** What the API would refuse in a compiled spec; fields that the task has said have the names of task.toml, others begin with `spec`. */
export function refusedBySpec(
  spec: CompiledSpec,
  { config }: Pick<CompilableTask, 'config'>,
): LocatedRefusal[] {
  const { work, ...rest } = spec;
  return onceEach(
    work.flatMap(({ agent, verifier }, step) => {
      const whole = { ...rest, agent, verifier };
      return refusals(TrialSpec, whole).map((refusal) =>
        located(tomlPath(refusal.path, whole, { config, step }) ?? ['spec', ...refusal.path], refusal),
      );
    }),
  );
}

function located(path: Path, { path: inSpec, message }: Refusal): LocatedRefusal {
  const field = fieldName(path);
  const what = path.at(-2) === 'env' && inSpec.at(-1) === 'name' ? `the name of ${field}` : field;
  return { path, field, message: `${what} ${message}` };
}

/** The same for a task that no Trial asks for yet, be it refused for other reasons, too: an oracle runs it, and its variables count as set. */
export function refusedOf(task: CompilableTask, name = 'task'): LocatedRefusal[] {
  const { environment, solution, verifier, steps = [] } = task.config;
  const spec = storedSpec({
    task: { name, s3: { uri: 's3://bucket/tasks/task' } },
    environment: { env: setOpen(environment) },
    agent: { env: setOpen(solution) },
    verifier: { env: setOpen(verifier) },
    steps: steps.flatMap((step) => {
      const env = setOpen(step.verifier);
      return env.length > 0 ? [{ name: step.name, verifier: { env } }] : [];
    }),
  });
  const compiled = compile(spec, {
    context: { uri: 's3://bucket/tasks/context.zip', sha256: NO_HASH },
    ...task,
  });
  const { config } = task;
  const { steps: _assumed, ...whole } = filledIn(spec, compiled);
  return onceEach([
    ...refusedBySpec({ ...whole, artifacts: artifactsOf(config) }, task),
    ...(config.steps ?? []).flatMap((step, index) => refusedOfStep(config, step, index)),
  ]);
}

/** What of the verifiers of a task is not run, whoever asks for it: by the task alone. */
export function unrunVerifiers(task: CompilableTask): Problem[] {
  const asked = storedSpec({ task: { name: 'task', s3: { uri: 's3://bucket/tasks/task' } } });
  return compile(asked, task).problems.filter(
    ({ reason, field }) => reason === 'TaskUnsupported' && field === 'verifier',
  );
}

/** Values for the variables of a table that have none. */
const setOpen = ({ env }: { env: Record<string, string> }): EnvVar[] =>
  tableOf(env).open.map(({ key }) => ({ name: key, value: '' }));

const StepParts = Type.Object({
  healthcheck: Type.Optional(Healthcheck),
  artifacts: TrialSpec.properties.artifacts,
});

/** What no Trial has a field for: checked by the bounds of the whole task's. */
function refusedOfStep(
  { artifacts }: TaskConfig,
  step: NonNullable<TaskConfig['steps']>[number],
  index: number,
): LocatedRefusal[] {
  const { healthcheck } = step;
  const said = {
    ...present({ healthcheck: healthcheck && healthcheckOf(healthcheck) }),
    artifacts: [...artifactsOf({ artifacts }), ...artifactsOf(step)],
  };
  return refusals(StepParts, said).flatMap((refusal) => {
    const [part = '', at, ...rest] = refusal.path;
    if (part === 'healthcheck')
      return [
        located(
          ['steps', index, ...(FIELDS[`environment.${refusal.path.join('.')}`] ?? []).slice(1)],
          refusal,
        ),
      ];
    if (typeof at !== 'number') return [located(['steps', index, part], refusal)];
    return at < artifacts.length
      ? []
      : [located(['steps', index, part, at - artifacts.length, ...rest], refusal)];
  });
}

const NO_HASH = '0'.repeat(64);

/** A spec as the API server stores it: with the schema's defaults. */
export const storedSpec = (spec: object): TrialSpec =>
  Value.Default(TrialSpec, structuredClone(spec)) as TrialSpec;

/** Fields of the API and those of task.toml that they are made of. */
const FIELDS: Record<string, string[]> = {
  'task.name': ['task', 'name'],
  'environment.image': ['environment', 'docker_image'],
  'environment.build.timeoutSeconds': ['environment', 'build_timeout_sec'],
  'environment.resources.requests.cpu': ['environment', 'cpus'],
  'environment.resources.requests.memory': ['environment', 'memory_mb'],
  'environment.resources.limits.memory': ['environment', 'memory_mb'],
  'environment.resources.requests.ephemeral-storage': ['environment', 'storage_mb'],
  'environment.resources.limits.ephemeral-storage': ['environment', 'storage_mb'],
  'environment.gpus': ['environment', 'gpus'],
  'environment.workdir': ['environment', 'workdir'],
  'environment.healthcheck.command': ['environment', 'healthcheck', 'command'],
  'environment.healthcheck.intervalSeconds': ['environment', 'healthcheck', 'interval_sec'],
  'environment.healthcheck.timeoutSeconds': ['environment', 'healthcheck', 'timeout_sec'],
  'environment.healthcheck.startPeriodSeconds': ['environment', 'healthcheck', 'start_period_sec'],
  'environment.healthcheck.startIntervalSeconds': ['environment', 'healthcheck', 'start_interval_sec'],
  'environment.healthcheck.retries': ['environment', 'healthcheck', 'retries'],
  'agent.timeoutSeconds': ['agent', 'timeout_sec'],
  'agent.user': ['agent', 'user'],
  'verifier.timeoutSeconds': ['verifier', 'timeout_sec'],
  'verifier.user': ['verifier', 'user'],
};

/** Tables of task.toml by the part of the spec that their variables are in. */
const ENVS = { environment: 'environment', agent: 'solution', verifier: 'verifier' } as const;

type Path = LocatedRefusal['path'];

/** Where in task.toml, or in the step of that index, a field of the spec comes from. */
function tomlPath(path: Path, spec: TrialSpec, { config, step: index }: Place): Path | undefined {
  const [part, list] = path;
  if (part === 'artifacts') return path;
  if (list === 'gpuTypes') return ['environment', 'gpu_types', ...path.slice(2)];
  if (list === 'env') return variablePath(path, spec, { config, step: index });
  const field = FIELDS[path.join('.')];
  const step = config.steps?.[index];
  return field && step && valueAt(step, field) !== undefined ? ['steps', index, ...field] : field;
}

interface Place {
  config: TaskConfig;
  /** Index; 0 for a task without steps. */
  step: number;
}

function variablePath([part, , index]: Path, spec: TrialSpec, place: Place): Path | undefined {
  const { env = [] } = spec[part as keyof typeof ENVS];
  const tables = tablesOf(ENVS[part as keyof typeof ENVS], place);
  if (typeof index !== 'number') {
    const own = new Set(tables.flatMap(({ keys }) => keys));
    return own.size === env.length ? tables[0]?.path : undefined;
  }
  const key = env[index]?.name ?? '';
  const table = tables.find(({ keys }) => keys.includes(key));
  return table && [...table.path, key];
}

/** The step's own, and the task's; names in the first are those that count. */
function tablesOf(
  name: (typeof ENVS)[keyof typeof ENVS],
  { config, step }: Place,
): { path: Path; keys: string[] }[] {
  const ofStep = name === 'verifier' ? Object.keys(config.steps?.[step]?.verifier.env ?? {}) : [];
  return [
    ...(ofStep.length > 0 ? [{ path: ['steps', step, name, 'env'], keys: ofStep }] : []),
    { path: [name, 'env'], keys: Object.keys(config[name].env) },
  ];
}

/** What the API server would refuse in the Trial of a task, by the names of task.toml. */
import Value from 'typebox/value';
import { refusals } from '../../crds/refusals.ts';
import { TrialSpec } from '../../crds/trial.ts';
import { fieldName, type Problem } from '../toml/problems.ts';
import type { TaskConfig } from '../toml/schema.ts';
import { compile, filledIn } from './compile.ts';
import { artifactsOf, tableOf } from './of-task.ts';
import type { CompilableTask } from './types.ts';

/** A problem, and where in task.toml it comes from. */
export interface LocatedRefusal extends Problem {
  path: (string | number)[];
}

/** What the API would refuse in a compiled spec; fields that the task has said have the names of task.toml, others begin with `spec`. */
export function refusedBySpec(spec: TrialSpec, { config }: Pick<CompilableTask, 'config'>): LocatedRefusal[] {
  return refusals(TrialSpec, spec).map(({ path, message }) => {
    const own = tomlPath(path, spec, config) ?? ['spec', ...path];
    const field = fieldName(own);
    const what = own[1] === 'env' && path.at(-1) === 'name' ? `the name of ${field}` : field;
    return { path: own, field, message: `${what} ${message}` };
  });
}

/** The same for a task that no Trial asks for yet, be it refused for other reasons, too: an oracle runs it, and its variables count as set. */
export function refusedOf(task: CompilableTask, name = 'task'): LocatedRefusal[] {
  const [environment, solution, verifier] = (['environment', 'solution', 'verifier'] as const).map((table) =>
    tableOf(task.config[table].env).open.map(({ key }) => ({ name: key, value: '' })),
  );
  const spec = storedSpec({
    task: { name, s3: { uri: 's3://bucket/tasks/task' } },
    environment: { env: environment },
    agent: { env: solution },
    verifier: { env: verifier },
  });
  const compiled = compile(spec, {
    context: { uri: 's3://bucket/tasks/context.zip', sha256: NO_HASH },
    ...task,
  });
  return refusedBySpec({ ...filledIn(spec, compiled), artifacts: artifactsOf(task.config) }, task);
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

function tomlPath(path: Path, spec: TrialSpec, config: TaskConfig): Path | undefined {
  const [part, list, index] = path;
  if (part === 'artifacts') return path;
  if (list !== 'env') return FIELDS[path.join('.')];
  const name = ENVS[part as keyof typeof ENVS];
  const { env = [] } = spec[part as keyof typeof ENVS];
  const own = Object.keys(config[name].env);
  if (typeof index !== 'number') return own.length === env.length ? [name, 'env'] : undefined;
  const key = env[index]?.name ?? '';
  return own.includes(key) ? [name, 'env', key] : undefined;
}

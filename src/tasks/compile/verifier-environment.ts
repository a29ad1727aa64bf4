/** Where a verifier runs: in the agent's container, or in one of its own. Harbor's rules. */
import Value from 'typebox/value';
import { present } from '../../crds/present.ts';
import { BuildTemplate } from '../../crds/task-build.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import type { VerifierMode } from '../../crds/verifier.ts';
import { supposedCompose } from '../compose/of-task.ts';
import { hasFile, TESTS } from '../task.ts';
import type { EnvironmentConfig, StepConfig, TaskConfig, VerifierConfig } from '../toml/schema.ts';
import { environmentOf, merged, tableOf } from './of-task.ts';
import { noVerifierImage, openVariables, servicesApart, testsComposed } from './problems.ts';
import { completeResources } from './resources.ts';
import type {
  CompilableTask,
  CompiledEnvironment,
  CompileDefaults,
  CompileProblem,
  StoredContext,
} from './types.ts';

/** What a table says of its verifier: an environment of its own is a container of its own. */
function modeOf(verifier: VerifierConfig | undefined): VerifierMode | undefined {
  const { environment_mode: mode, environment } = verifier ?? {};
  if (mode !== undefined) return mode === 'separate' ? 'Separate' : 'Shared';
  return environment && 'Separate';
}

/** The mode of one step's verifier, or of the only one: the first that says one. A sentence where the namespace's word would count, and is none. */
export const verifierMode = (
  { verifier }: TrialSpec,
  { config, ofTask }: { config: TaskConfig; ofTask: StepConfig | undefined },
  { namespace, installation }: CompileDefaults,
): VerifierMode | { refused: string } =>
  verifier.mode ??
  modeOf(ofTask?.verifier) ??
  modeOf(config.verifier) ??
  namespace?.verifierMode ??
  installation?.verifierMode ??
  'Shared';

interface Asked {
  spec: TrialSpec;
  task: CompilableTask;
  ofTask: StepConfig | undefined;
  /** Of the agent: what the verifier has where nobody says otherwise. */
  agent: CompiledEnvironment;
}

interface Made {
  environment: CompiledEnvironment;
  problems: CompileProblem[];
}

/**
 * The environment of a separate verifier. Its image: the Trial's; else the step's, which is `docker_image`, or a build of `tests/` where that has
 * a Dockerfile; else the task's likewise; else the agent's, into which the tests are put. All the rest is as the nearest table
 * `[verifier.environment]` says, whole, else as in the agent's.
 */
export function verifierEnvironment({ spec, task, ofTask, agent }: Asked): Made {
  const table = ofTask?.verifier.environment ?? task.config.verifier.environment;
  const { image: _image, build: _build, buildRef: _buildRef, mounts: _mounts, ...rest } = agent;
  const { environment, problems } = table
    ? ownEnvironment(rest, table, spec)
    : { environment: rest, problems: [] };
  const image = imageFor(spec, task, ofTask);
  if (image === 'unstored') return { environment, problems: [...problems, noVerifierImage()] };
  if (image === 'composed') return { environment, problems: [...problems, testsComposed()] };
  if (image) return { environment: { ...environment, ...image, hasTests: true }, problems };
  return {
    environment: { ...environment, ...imageFields(agent) },
    problems: [...problems, ...(hasServices(task) ? [servicesApart()] : [])],
  };
}

const imageFields = ({ image, build, buildRef }: CompiledEnvironment) => present({ image, build, buildRef });

/** What is the Pod's as a whole, and who may gain privileges, is as in the agent's. */
function ownEnvironment(agent: CompiledEnvironment, table: EnvironmentConfig, { verifier }: TrialSpec): Made {
  const { network, allowPrivilegeEscalation, runtimeClassName } = agent;
  const variables = tableOf(table.env);
  const open = new Set(variables.open.map(({ key }) => key));
  const { resources, ...ofTable } = environmentOf(table);
  return {
    environment: {
      network,
      allowPrivilegeEscalation,
      ...present({ runtimeClassName }),
      ...ofTable,
      resources: completeResources(undefined, resources),
      env: merged(
        verifier.env?.filter(({ name }) => open.has(name)),
        variables.env,
      ),
    },
    problems: openVariables(() => 'verifier.environment.env', variables, verifier.env),
  };
}

type Image = Pick<CompiledEnvironment, 'image' | 'build'>;

/** In Harbor it would have services of its own. */
const hasServices = (task: CompilableTask): boolean => (supposedCompose(task)?.services.length ?? 0) > 1;

/**
 * Of the images that have the tests; undefined where there is none. `unstored`: one would be built, and its context is nowhere; `composed`: it
 * would have services of its own.
 */
function imageFor(
  { verifier: { image, build }, task: { name } }: TrialSpec,
  task: CompilableTask,
  ofTask: StepConfig | undefined,
): Image | 'unstored' | 'composed' | undefined {
  if (image !== undefined) return { image };
  if (build) return { build };
  for (const { environment, folder } of placesOf(task, ofTask)) {
    if (environment?.docker_image !== undefined) return { image: environment.docker_image };
    if (hasFile(task, `${folder}docker-compose.yaml`)) return 'composed';
    if (!hasFile(task, `${folder}Dockerfile`)) continue;
    const context = task.testContexts?.[folder];
    return context ? { build: buildOf(context, name, environment) } : 'unstored';
  }
  return undefined;
}

interface Place {
  environment: EnvironmentConfig | undefined;
  /** Of the tests. */
  folder: string;
}

const placesOf = ({ config: { verifier } }: CompilableTask, ofTask: StepConfig | undefined): Place[] => [
  ...(ofTask ? [{ environment: ofTask.verifier.environment, folder: `steps/${ofTask.name}/${TESTS}` }] : []),
  { environment: verifier.environment, folder: TESTS },
];

function buildOf(
  context: StoredContext,
  name: string,
  environment: EnvironmentConfig | undefined,
): BuildTemplate {
  const build = {
    context: { s3: context },
    tag: `${name.slice(name.lastIndexOf('/') + 1).slice(0, 90)}-verifier`,
    ...present({ timeoutSeconds: environment && Math.ceil(environment.build_timeout_sec) }),
  };
  return Value.Default(BuildTemplate, build) as BuildTemplate;
}

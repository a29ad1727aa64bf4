/** What a task's docker-compose.yaml says of main, and the services beside it. */
import Value from 'typebox/value';
import type { EnvVar } from '../../crds/environment.ts';
import { present } from '../../crds/present.ts';
import { BuildTemplate } from '../../crds/task-build.ts';
import { serviceRole, type ServiceRole } from '../../crds/trial-status.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import { MAIN, composeOf } from '../compose/compose.ts';
import { COMPOSE_FILE } from '../compose/document.ts';
import { notStored, toldOf } from '../compose/of-task.ts';
import type { ComposeBuild, ComposeMount, ComposeProblem, ComposeService } from '../compose/types.ts';
import { composeVariables, MAIN_IMAGE } from '../compose/variables.ts';
import { CONTEXT, hasFile } from '../task.ts';
import { invalid } from './problems.ts';
import { serviceResources } from './resources.ts';
import type {
  CompilableTask,
  CompiledEnvironment,
  CompiledService,
  CompiledStep,
  CompileProblem,
  EnvironmentMount,
} from './types.ts';

/** The file as it is to be run. */
export interface Composed {
  /** Missing: the task has no such file. */
  main?: ComposeService;
  /** In the order in which they start; with main, unless there is no file. */
  services: ComposeService[];
  problems: CompileProblem[];
}

/** `env`: the variables of the environment, of Trial and task.toml. */
export function composedOf(task: CompilableTask, env: readonly EnvVar[]): Composed {
  if (!hasFile(task, COMPOSE_FILE)) return { services: [], problems: [] };
  if (!task.compose) return { services: [], problems: [asProblem(notStored())] };
  const { services, problems } = composeOf(task.compose, composeVariables(task.config.environment, env));
  const main = services.find(({ name }) => name === MAIN);
  return { ...present({ main }), services, problems: problems.map(asProblem) };
}

const asProblem = (problem: ComposeProblem): CompileProblem => ({
  reason: problem.kind === 'invalid' ? 'TaskInvalid' : 'TaskUnsupported',
  field: COMPOSE_FILE,
  message: `${COMPOSE_FILE}: ${toldOf(problem)}`,
});

type Image = Pick<CompiledEnvironment, 'image' | 'build' | 'buildRef'>;

/** What the file says of main’s image; undefined where task.toml, or the Dockerfile of `environment/`, says it. */
export function mainImage({ main }: Composed, spec: TrialSpec, task: CompilableTask): Image | undefined {
  if (!main) return undefined;
  if (main.build) return builtImage(main.build, { spec, task, service: MAIN });
  const { docker_image: ready } = task.config.environment;
  const isReady = ready !== undefined || !hasFile(task, `${CONTEXT}Dockerfile`);
  const { image = MAIN_IMAGE } = main;
  return isReady && image !== MAIN_IMAGE ? { image } : undefined;
}

interface Building {
  spec: TrialSpec;
  task: CompilableTask;
  service: string;
}

/** Undefined where its context was not stored. */
function builtImage(build: ComposeBuild, { spec, task, service }: Building): Image | undefined {
  const context = build.context === CONTEXT ? task.context : task.testContexts?.[build.context];
  if (!context) return undefined;
  const { name } = spec.task;
  const short = name.slice(name.lastIndexOf('/') + 1);
  const template = {
    context: { s3: context },
    tag: service === MAIN ? short.slice(0, 100) : `${short.slice(0, 80)}-${service}`,
    timeoutSeconds: Math.ceil(task.config.environment.build_timeout_sec),
    ...present({ dockerfile: build.dockerfile, target: build.target }),
    ...(Object.keys(build.args).length > 0 && { buildArgs: build.args }),
  };
  return { build: Value.Default(BuildTemplate, template) as BuildTemplate };
}

/** User, directory and mounts; what task.toml says of main goes before them. What is copied is no matter of the Pod. */
export function ownEnvironment({ user, workdir, mounts }: ComposeService) {
  const own = mounts.filter((mount): mount is EnvironmentMount => mount.kind !== 'copy');
  return { ...present({ user, workdir }), ...(own.length > 0 && { mounts: own }) };
}

const copiesIn = ({ mounts }: ComposeService): Extract<ComposeMount, { kind: 'copy' }>[] =>
  mounts.filter((mount) => mount.kind === 'copy');

interface Made {
  environments: { [role in ServiceRole]?: CompiledEnvironment };
  services: CompiledService[];
  problems: CompileProblem[];
}

interface Given {
  spec: TrialSpec;
  task: CompilableTask;
  /** Main’s. */
  agent: CompiledEnvironment;
}

/** The containers of services, and in which order all of them begin. */
export function servicesOf({ services }: Composed, given: Given): Made {
  const beside = services.filter(({ name }) => name !== MAIN);
  const imaged = beside.map((service) => ({ service, image: imageFor(service, services, given) }));
  return {
    environments: Object.fromEntries(
      imaged.map(({ service, image = {} }) => [
        serviceRole(service.name),
        environmentOf(service, image, given),
      ]),
    ),
    services: services.map(compiledService),
    problems: imaged.flatMap(({ service: { name }, image }) => (image ? [] : [asProblem(unstored(name))])),
  };
}

/** Hooks and artifacts of services that are not there. */
export function unknownServices(
  steps: readonly Pick<CompiledStep, 'hooks' | 'artifacts' | 'uncopied'>[],
  { services }: Composed,
): CompileProblem[] {
  const known = new Set(services.map(({ name }) => name));
  const named = steps.flatMap(({ hooks, artifacts, uncopied = [] }) => [
    ...hooks.map((hook) => ['verifier.collect', hook.service] as const),
    ...[...artifacts, ...uncopied].map((artifact) => ['artifacts', artifact.service] as const),
  ]);
  return named.flatMap(([field, service]) =>
    service === undefined || known.has(service)
      ? []
      : [invalid(field, `${field} names the service ${service}, which ${COMPOSE_FILE} has not`)],
  );
}

const unstored = (service: string): ComposeProblem => ({
  kind: 'invalid',
  field: `services.${service}.build`,
  says: 'its context was not stored with the task: store the task again with sb task push or sb cloud run; a ConfigMap holds no contexts',
});

function imageFor(service: ComposeService, all: readonly ComposeService[], given: Given): Image | undefined {
  const { agent } = given;
  const maker = service.imageOf === undefined ? service : all.find(({ name }) => name === service.imageOf);
  if (maker?.name === MAIN) {
    const { image, build, buildRef } = agent;
    return present({ image, build, buildRef });
  }
  if (maker?.build) return builtImage(maker.build, { ...given, service: maker.name });
  return service.image === undefined ? undefined : { image: service.image };
}

function environmentOf(service: ComposeService, image: Image, { agent }: Given): CompiledEnvironment {
  return {
    ...image,
    network: agent.network,
    allowPrivilegeEscalation: agent.allowPrivilegeEscalation && !service.noNewPrivileges,
    ...ownEnvironment(service),
    resources: serviceResources(service.resources),
    env: service.env,
  };
}

function compiledService(service: ComposeService): CompiledService {
  const { name, names, entrypoint, command, healthcheck, dependsOn, restart } = service;
  return {
    name,
    names,
    ...(name !== MAIN && { role: serviceRole(name) }),
    ...present({ entrypoint, command, healthcheck }),
    dependsOn,
    restart,
    copies: copiesIn(service).map(({ from, path: to }) => ({ from, to })),
  };
}

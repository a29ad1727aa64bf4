/** Pure: what a courier is to do, out of its Trial and the compiled task. */
import { posix } from 'node:path';
import type { TrialSubject } from './identity/subjects.ts';
import { secretVariable } from '../wire/assignment.ts';
import type {
  AssignedAgent,
  AssignedPlace,
  AssignedRegrade,
  AssignedService,
  AssignedSource,
  AssignedStep,
  AssignedVariable,
  Assignment,
} from '../wire/assignment.ts';
import { agentFacts } from '../crds/agents.ts';
import type { ImageConfig } from '../crds/image-config.ts';
import type { EnvVar } from '../crds/environment.ts';
import type { ModelPrice } from '../crds/model-prices.ts';
import type { NamespaceRules } from '../crds/namespace-rules.ts';
import { present } from '../crds/present.ts';
import type { ServiceRole, VerifierRole } from '../crds/trial-status.ts';
import type { VerifierImages } from '../pods/verifier-images.ts';
import type { Source } from '../results/source.ts';
import { podNetworkOf } from '../tasks/index.ts';
import type { Compiled, CompiledService, CompiledStep } from '../tasks/index.ts';

/** Which version of its program the agent has, and whether it has to be installed first. */
function programOf(
  { name, version }: CompiledStep['agent'],
  hasProgram: boolean,
): Pick<AssignedAgent, 'version' | 'installs'> {
  const program = agentFacts(name)?.program;
  return {
    ...present({ version: version ?? program?.version }),
    ...(program && !hasProgram && { installs: true }),
  };
}

/** A secret's value is in the courier already, put there by the kubelet; the assignment only says under which name. */
const variables = (env: EnvVar[]): AssignedVariable[] =>
  env.map(({ name, value = '', secretKeyRef }) =>
    secretKeyRef ? { name, courierVariable: secretVariable(secretKeyRef) } : { name, value },
  );

export interface AssignmentFacts {
  compiled: Compiled;
  /** Where the task's files come from. */
  source: AssignedSource;
  /** Of the Trial's namespace. */
  rules: NamespaceRules;
  /** The broker's port that the policies of Trials close. */
  probePort: number;
  /** Of models, before what is built in. */
  modelPrices: readonly ModelPrice[];
  /** Of a regrade. */
  regrade?: Source;
}

/** The operator counts from the same moment, and may be down for a while. */
const OPERATOR_FIRST_SECONDS = 300;

export function assignmentOf(
  { trial, attempt, image, verifiers, hasProgram }: TrialSubject,
  { compiled, source, rules, probePort, modelPrices, regrade }: AssignmentFacts,
): Assignment {
  const { namespace = '', name, uid = '' } = trial.metadata;
  const { healthcheck } = compiled.environments.agent;
  const { workdir, user } = placeIn(compiled.environments.agent, image);
  const startSeconds = trial.spec.startTimeoutSeconds + OPERATOR_FIRST_SECONDS;
  const placeOf = (role: VerifierRole): AssignedPlace => ({
    ...verifierPlace(role, compiled, verifiers),
    startSeconds,
  });
  const assigned = (step: CompiledStep): AssignedStep =>
    stepOf(step, { user, workdir, rules, modelPrices, hasProgram: hasProgram === true, placeOf });
  const [first, ...others] = compiled.steps;
  return {
    trial: { namespace, name, uid, attempt },
    task: { name: trial.spec.task.name, ...present({ version: compiled.version }), source },
    image,
    workdir,
    user,
    ...present({ healthcheck, seeds: compiled.seeds }),
    ...(compiled.services.length > 0 && {
      services: compiled.services.map((service) => serviceFor(service, compiled, { image, verifiers })),
    }),
    network: assignedNetwork(compiled, probePort),
    ...(regrade && { regrade: regradeOf(regrade) }),
    steps: [assigned(first), ...others.map(assigned)],
    rewardStrategy: compiled.rewardStrategy,
    notes: compiled.notes,
    upload: trial.spec.uploadResults,
  };
}

const regradeOf = ({ trial, manifestSha256, collected, shared }: Source): AssignedRegrade => ({
  trial,
  manifestSha256,
  collected,
  shared,
});

/** As Harbor runs main: its command only keeps the container alive, unless the file has another one. */
const KEEPS_ALIVE = ['sh', '-c', 'sleep infinity'];

/** A service with what its image says where the file says nothing: a command, a user, a directory. */
function serviceFor(
  service: CompiledService,
  compiled: Compiled,
  images: Pick<TrialSubject, 'image' | 'verifiers'>,
): AssignedService {
  const { name, role, copies, healthcheck, dependsOn, restart } = service;
  const { environments } = compiled;
  const { image, ...place } = role
    ? containerOf(role, compiled, images.verifiers)
    : placeIn(environments.agent, images.image);
  return {
    name,
    ...present({ container: role, healthcheck }),
    argv: argvOf(service, image),
    ...place,
    copies,
    dependsOn,
    // The container of main lives on without what it began with.
    restart: role ? restart : { when: 'never' },
  };
}

function argvOf({ role, entrypoint, command }: CompiledService, image: ImageConfig): string[] {
  const begin = entrypoint ?? image.entrypoint;
  if (command) return [...begin, ...command];
  if (!role) return begin.length > 0 ? [...begin, ...KEEPS_ALIVE] : [];
  // A new entrypoint takes the image's command away.
  return entrypoint ? begin : [...begin, ...image.cmd];
}

function assignedNetwork(
  { environments, steps, services }: Compiled,
  probePort: number,
): Assignment['network'] {
  const { env, network } = environments.agent;
  return {
    restricted: podNetworkOf(steps) === 'restricted',
    enforcement: network.enforcement,
    probePort,
    variables: env.map((variable) => variable.name),
    ...(services.length > 0 && { local: services.flatMap(({ names }) => names) }),
  };
}

type StepFacts = Pick<AssignmentFacts, 'rules' | 'modelPrices'> & {
  hasProgram: boolean;
  user: string;
  workdir: string;
  placeOf: (role: VerifierRole) => AssignedPlace;
};

/** The container of a separate verifier, by what its Pod was made of. */
function verifierPlace(
  role: VerifierRole,
  compiled: Compiled,
  images: VerifierImages,
): Omit<AssignedPlace, 'startSeconds'> {
  const { hasTests = false, healthcheck } = compiled.environments[role] ?? {};
  return {
    container: role,
    ...containerOf(role, compiled, images),
    hasTests,
    ...present({ healthcheck }),
  };
}

/** Where something runs in a container, and as whom. */
interface Place {
  image: ImageConfig;
  workdir: string;
  user: string;
}

function containerOf(
  role: VerifierRole | ServiceRole,
  { environments }: Compiled,
  images: VerifierImages,
): Place {
  const [environment, image] = [environments[role], images[role]?.config];
  if (!environment || !image) throw new Error(`the Pod has no container ${role}`);
  return placeIn(environment, image);
}

const placeIn = ({ workdir, user }: { workdir?: string; user?: string }, image: ImageConfig): Place => ({
  image,
  workdir: workdir ?? (image.workdir || '/'),
  user: user ?? (image.user || '0'),
});

function stepOf(
  { name, healthcheck, agent, verifier, hooks, artifacts, uncopied, minRewards, networks }: CompiledStep,
  facts: StepFacts,
): AssignedStep {
  const { user, workdir, placeOf } = facts;
  const place = verifier.role && placeOf(verifier.role);
  const absolute = <One extends { source: string }>(artifact: One): One => ({
    ...artifact,
    source: posix.resolve(workdir, artifact.source),
  });
  return {
    ...present({ name, healthcheck, minRewards }),
    agent: agentOf(agent, facts, networks.agent.mode === 'Public'),
    hooks,
    artifacts: artifacts.map(absolute),
    ...present({ uncopied: uncopied?.map(absolute) }),
    ...(!verifier.disabled && {
      verifier: {
        env: variables(verifier.env),
        timeoutSeconds: verifier.timeoutSeconds,
        user: verifier.user ?? place?.user ?? user,
        ...present({ place }),
      },
    }),
    networks: {
      environment: networks.environment.mode,
      agent: networks.agent.mode,
      verifier: networks.verifier.mode,
    },
  };
}

function agentOf(
  agent: CompiledStep['agent'],
  { user, workdir, rules, modelPrices, hasProgram }: StepFacts,
  webTools: boolean,
): AssignedAgent {
  const { name, model, timeoutSeconds, setupTimeoutSeconds, install, run } = agent;
  const { endpoint, skillsDir, mcpServers } = agent;
  return {
    name,
    webTools,
    env: variables(agent.env),
    setupTimeoutSeconds,
    user: agent.user ?? user,
    // Either may have them stopped.
    backgroundProcesses: [agent, rules].some((of) => of.backgroundProcesses === 'Stop') ? 'Stop' : 'Keep',
    ...present({ model, timeoutSeconds, install, run, mcpServers }),
    ...(endpoint && { endpoint: { ...endpoint, prices: [...modelPrices] } }),
    ...programOf(agent, hasProgram),
    ...(skillsDir !== undefined && { skillsDir: posix.resolve(workdir, skillsDir) }),
  };
}

/** Pure: what a courier is to do, out of its Trial and the compiled task. */
import { posix } from 'node:path';
import type { TrialSubject } from './identity/subjects.ts';
import { secretVariable } from '../wire/assignment.ts';
import type {
  AssignedAgent,
  AssignedPlace,
  AssignedRegrade,
  AssignedSource,
  AssignedStep,
  AssignedVariable,
  Assignment,
} from '../wire/assignment.ts';
import type { EnvVar } from '../crds/environment.ts';
import type { NamespaceRules } from '../crds/namespace-rules.ts';
import { present } from '../crds/present.ts';
import type { VerifierRole } from '../crds/trial-status.ts';
import type { VerifierImages } from '../pods/verifier-images.ts';
import type { Source } from '../results/source.ts';
import { podNetworkOf } from '../tasks/index.ts';
import type { Compiled, CompiledStep } from '../tasks/index.ts';

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
  /** Of a regrade. */
  regrade?: Source;
}

/** The operator counts from the same moment, and may be down for a while. */
const OPERATOR_FIRST_SECONDS = 300;

export function assignmentOf(
  { trial, attempt, image, verifiers }: TrialSubject,
  { compiled, source, rules, probePort, regrade }: AssignmentFacts,
): Assignment {
  const { namespace = '', name, uid = '' } = trial.metadata;
  const { user: own, healthcheck } = compiled.environments.agent;
  const workdir = compiled.environments.agent.workdir ?? (image.workdir || '/');
  const user = own ?? (image.user || '0');
  const startSeconds = trial.spec.startTimeoutSeconds + OPERATOR_FIRST_SECONDS;
  const placeOf = (role: VerifierRole): AssignedPlace => ({
    ...verifierPlace(role, compiled, verifiers),
    startSeconds,
  });
  const assigned = (step: CompiledStep): AssignedStep => stepOf(step, { user, workdir, rules, placeOf });
  const [first, ...others] = compiled.steps;
  return {
    trial: { namespace, name, uid, attempt },
    task: { name: trial.spec.task.name, ...present({ version: compiled.version }), source },
    image,
    workdir,
    user,
    ...present({ healthcheck, seeds: compiled.seeds }),
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

function assignedNetwork({ environments, steps }: Compiled, probePort: number): Assignment['network'] {
  const { env, network } = environments.agent;
  return {
    restricted: podNetworkOf(steps) === 'restricted',
    enforcement: network.enforcement,
    probePort,
    variables: env.map((variable) => variable.name),
  };
}

type StepFacts = Pick<AssignmentFacts, 'rules'> & {
  user: string;
  workdir: string;
  placeOf: (role: VerifierRole) => AssignedPlace;
};

/** The container of a separate verifier, by what its Pod was made of. */
function verifierPlace(
  role: VerifierRole,
  { environments }: Compiled,
  images: VerifierImages,
): Omit<AssignedPlace, 'startSeconds'> {
  const [environment, image] = [environments[role], images[role]?.config];
  if (!environment || !image) throw new Error(`the Pod has no container ${role}`);
  return {
    container: role,
    image,
    workdir: environment.workdir ?? (image.workdir || '/'),
    user: environment.user ?? (image.user || '0'),
    hasTests: environment.hasTests === true,
    ...present({ healthcheck: environment.healthcheck }),
  };
}

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
    agent: agentOf(agent, facts),
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

function agentOf(agent: CompiledStep['agent'], { user, workdir, rules }: StepFacts): AssignedAgent {
  const { name, model, timeoutSeconds, setupTimeoutSeconds, install, run, skillsDir, mcpServers } = agent;
  return {
    name,
    env: variables(agent.env),
    setupTimeoutSeconds,
    user: agent.user ?? user,
    // Either may have them stopped.
    backgroundProcesses: [agent, rules].some((of) => of.backgroundProcesses === 'Stop') ? 'Stop' : 'Keep',
    ...present({ model, timeoutSeconds, install, run, mcpServers }),
    ...(skillsDir !== undefined && { skillsDir: posix.resolve(workdir, skillsDir) }),
  };
}

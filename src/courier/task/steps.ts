/** Pure: the assignment and the unpacked task → commands. Which values they have, the operator has decided. */
import { join, posix } from 'node:path';
import type { Agent, AgentGiven, AgentScript } from '../../agents/agent.ts';
import { agentOf } from '../../agents/registry.ts';
import { agentFacts, solves } from '../../crds/agents.ts';
import { CONTEXT } from '../../tasks/task.ts';
import type { Healthcheck } from '../../crds/environment.ts';
import { present } from '../../crds/present.ts';
import type {
  ArtifactCopy,
  AssignedPlace,
  AssignedService,
  AssignedStep,
  AssignedVariable,
  Assignment,
  Hook,
  UncopiedArtifact,
} from '../../wire/assignment.ts';
import { POD_PATHS } from '../../wire/pod-paths.ts';
import { SETUP } from '../../tasks/step-files.ts';
import { AttemptFailure } from '../failure.ts';
import type { Command } from '../hand/hand.ts';
import type { Service } from '../services/service.ts';
import { scriptCommand } from './interpreter.ts';
import type { ReadyStep, ReadyTask } from './ready-task.ts';

export type Env = Record<string, string>;

/** A command and the seconds it may take; no limit where it is missing. */
export interface Limited {
  command: Command;
  limitSeconds?: number;
}

/** A folder of the courier's, and the one of the task container that its contents are put into. */
export interface Seeds {
  from: string;
  to: string;
}

export type Probed = Healthcheck & { probe: Command };

/** A command between agent and verifier. `service`: where it runs, if that is not main. */
export type StepHook = Limited & { service?: string };

/** What happens once, before the first step. */
export interface Surroundings {
  /** Files of the task for the working directory. */
  seeds?: Seeds;
  entrypoint?: Command;
  healthcheck?: Probed;
}

/** A folder whose contents are put into the working directory, and its script that is run there. */
export interface Workdir {
  from: string;
  to: string;
  /** Whose it becomes. */
  user: string;
  setup?: Command;
}

/** The container of a separate verifier. */
export interface VerifierPlace {
  container: string;
  surroundings: Surroundings;
  /** Its image has them. */
  hasTests: boolean;
  /** How long it may take to start. */
  startSeconds: number;
}

/** One agent and one verifier. A task without `[[steps]]` has one step, without a name. */
export interface Step {
  name?: string;
  /** What it finds in its working directory. */
  workdir?: Workdir;
  healthcheck?: Probed;
  /** Of the first step alone: an agent is installed once. */
  setup?: Limited;
  /** Missing: it does nothing. */
  agent?: Limited & {
    /** Folder of what has to be in `/solution`. */
    solution?: string;
    /** Whether an exit code other than 0 is an exception. */
    exitCodeTells: boolean;
    usage?: Agent['usage'];
  };
  /** By name, for the folder of the agent's files, which the task container can read. */
  agentFiles?: Record<string, string>;
  /** What the agent leaves running is ended before the tests appear. */
  stopBackground: boolean;
  /** Run after the agent, before the artifacts are copied. */
  hooks: StepHook[];
  artifacts: ArtifactCopy[];
  uncopied?: UncopiedArtifact[];
  /** Copies them: the agent's user, because the agent chooses what lies there. */
  artifactsUser: string;
  /** Missing: disabled. */
  verifier?: Limited & {
    /** Folders that make up `/tests`, a later one's files over an earlier one's. */
    tests: string[];
    /** Missing: the agent's container. */
    place?: VerifierPlace;
  };
  /** By key of the reward: where one is less, or missing, the following steps do not run. */
  minRewards?: Record<string, number>;
}

export interface Sequence {
  surroundings: Surroundings;
  /** Of docker-compose.yaml, in the order in which they begin; missing: the task has none. */
  services?: Service[];
  steps: Step[];
  rewardStrategy: Assignment['rewardStrategy'];
}

/** The verifier's, in its container. */
const TEST_SCRIPT = `${POD_PATHS.tests}/test.sh`;

/** Where things lie in the task container. */
export const CONTAINER = {
  tests: POD_PATHS.tests,
  solution: POD_PATHS.solution,
  /** Files of the agent, under the control volume. */
  agentFiles: '/sb/agent',
} as const;

/** Throws AttemptFailure for a task that has not what the assignment says of it, and for a secret that did not arrive. */
export function sequenceOf(assignment: Assignment, task: ReadyTask, secrets: Env): Sequence {
  const around = { ...assignment, secrets, folder: task.folder };
  const { rewardStrategy } = assignment;
  const steps = assignment.steps.map((step, index) => {
    const { setup, ...made } = stepOf(step, task.steps[index] ?? NOTHING, around);
    return index === 0 && setup ? { setup, ...made } : made;
  });
  const services = assignment.services?.map((service) => serviceOf(service, task.folder));
  return {
    surroundings: surroundingsOf(assignment, task),
    ...present({ services }),
    steps,
    rewardStrategy,
  };
}

const NOTHING: ReadyStep = { solution: '', tests: [], setup: false };

/** What all commands share. */
type Around = Pick<Assignment, 'workdir' | 'user' | 'seeds' | 'services'> &
  Pick<ReadyTask, 'folder'> & { secrets: Env };

const limited = (command: Command, limitSeconds: number | undefined): Limited =>
  limitSeconds === undefined ? { command } : { command, limitSeconds };

/** `bash -c text`, or `sh -c text`. */
const shellCommand = (text: string, { workdir, user }: Pick<Assignment, 'workdir' | 'user'>): Command => ({
  argv: ['-c', text],
  shell: true,
  user,
  workdir,
  env: {},
});

function surroundingsOf(
  {
    image: { entrypoint },
    seeds,
    workdir,
    user,
    healthcheck,
    services,
  }: Omit<AssignedPlace, 'container' | 'hasTests' | 'startSeconds'> & Pick<Assignment, 'seeds' | 'services'>,
  { folder }: Pick<ReadyTask, 'folder'>,
): Surroundings {
  return {
    ...(seeds && { seeds: { from: join(folder, CONTEXT), to: workdir } }),
    // As Harbor runs it: the image's command gives way to one that only keeps the container alive. Among services main begins as one of them.
    ...(entrypoint.length > 0 &&
      !services && {
        entrypoint: { argv: [...entrypoint, 'sh', '-c', 'sleep infinity'], user, workdir, env: {} },
      }),
    ...(healthcheck && {
      healthcheck: probed(healthcheck, { workdir, user }),
    }),
  };
}

/** A service’s image is begun as it is; that of main, as Harbor does. */
function serviceOf({ argv, healthcheck, copies, ...service }: AssignedService, folder: string): Service {
  const { user, workdir } = service;
  const own = { user, workdir, env: {} };
  return {
    ...service,
    ...(argv.length > 0 && { command: { ...own, argv } }),
    copies: copies.map(({ from, to }) => ({ from: join(folder, from), to })),
    ...(healthcheck && { healthcheck: { ...healthcheck, probe: { ...own, argv: healthcheck.argv } } }),
  };
}

const probed = (healthcheck: Healthcheck, around: Pick<Assignment, 'workdir' | 'user'>): Probed => ({
  ...healthcheck,
  probe: shellCommand(healthcheck.command, around),
});

function stepOf(assigned: AssignedStep, ready: ReadyStep, around: Around): Step {
  const { name, agent, hooks, artifacts, uncopied, verifier, healthcheck, minRewards } = assigned;
  const { workdir } = around;
  return {
    ...present({
      name,
      workdir: workdirOf(ready, { workdir, user: agent.user }),
      healthcheck: healthcheck && probed(healthcheck, { workdir, user: agent.user }),
      minRewards,
    }),
    ...agentPartsOf(agent, ready, around),
    stopBackground: agent.backgroundProcesses === 'Stop',
    hooks: hooks.map((hook) => hookOf(hook, around)),
    artifacts,
    ...present({ uncopied }),
    artifactsUser: agentFacts(agent.name)?.reads === 'nothing' ? around.user : agent.user,
    ...(verifier && { verifier: verifierOf(verifier, ready, around) }),
  };
}

/** In a service it runs as that service’s user and where its image says, by `sh` as in Harbor. */
function hookOf({ command, timeoutSeconds, user, service }: Hook, around: Around): StepHook {
  const place = around.services?.find(({ name }) => name === service) ?? around;
  const { user: own, workdir } = place;
  const run = shellCommand(command, { workdir, user: user ?? own });
  return { ...limited(run, timeoutSeconds), ...present({ service }) };
}

function workdirOf(
  { workdir: from, setup }: ReadyStep,
  { workdir, user }: Pick<Assignment, 'workdir' | 'user'>,
): Workdir | undefined {
  if (from === undefined) return undefined;
  // As Harbor runs it: by bash, whatever its first line says.
  const script = { argv: [posix.join(workdir, SETUP)], shell: true, user, workdir, env: {} };
  return { from, to: workdir, user, ...(setup && { setup: script }) };
}

type AgentParts = Pick<Step, 'setup' | 'agent' | 'agentFiles'>;

function agentPartsOf(assigned: AssignedStep['agent'], ready: ReadyStep, around: Around): AgentParts {
  const { name, user, timeoutSeconds, setupTimeoutSeconds } = assigned;
  const [agent, facts] = [agentOf(name), agentFacts(name)];
  if (!agent || !facts) throw new AttemptFailure('TaskUnsupported', `agent ${name} is not supported yet`);
  const given = givenTo(assigned, ready);
  const shared = { workdir: around.workdir, env: assignedEnv(assigned.env, around.secrets) };
  const install = agent.install?.(given);
  const run = agent.run?.(given);
  const files = agent.files?.(given);
  return {
    ...(install && { setup: limited(commandOf(install, { ...shared, user: '0' }), setupTimeoutSeconds) }),
    ...(run && {
      agent: {
        ...present({ solution: solutionFor(name, ready), usage: agent.usage }),
        exitCodeTells: agent.exitCodeTells,
        ...limited(commandOf(run, { ...shared, user }), timeoutSeconds),
      },
    }),
    ...(files && { agentFiles: { 'instruction.md': ready.instruction ?? '', ...files } }),
  };
}

const solutionFor = (agent: string, { solution }: ReadyStep): string | undefined =>
  solves(agent) ? solution : undefined;

/** Throws for a task without the file that the agent works from. */
function givenTo(assigned: AssignedStep['agent'], ready: ReadyStep): AgentGiven {
  const { name, model, skillsDir: skills, mcpServers, install, run } = assigned;
  const who = `the agent ${name}`;
  const { reads } = agentFacts(name) ?? {};
  if (reads === 'instruction.md') demanded(ready.instruction, reads, who);
  return {
    instruction: `${CONTAINER.agentFiles}/instruction.md`,
    solution: CONTAINER.solution,
    folder: CONTAINER.agentFiles,
    solve: reads === 'solution/solve.sh' ? demanded(ready.solve, reads, who) : '',
    model,
    skills,
    mcpServers,
    install,
    run,
  };
}

const commandOf = (
  { path, text, env, ...output }: AgentScript,
  shared: Pick<Command, 'user' | 'workdir' | 'env'>,
): Command => ({
  ...shared,
  ...scriptCommand(path, text),
  env: { ...shared.env, ...env },
  ...output,
});

/** What a file of the task holds. The operator was told that it is there. */
function demanded(text: string | undefined, path: string, who: string): string {
  if (text === undefined) throw new AttemptFailure('TaskInvalid', `${path} is missing; ${who} needs it`);
  return text;
}

const placeOf = (place: AssignedPlace, { folder, seeds }: Around): VerifierPlace => ({
  container: place.container,
  hasTests: place.hasTests,
  startSeconds: place.startSeconds,
  // They are part of the agent's image, so to say.
  surroundings: surroundingsOf({ ...place, ...(seeds && !place.hasTests && { seeds }) }, { folder }),
});

/** The script of an image that has the tests, which nobody has read. */
const OWN_TEST = {
  argv: ['-c', `[ ! -x ${TEST_SCRIPT} ] || exec ${TEST_SCRIPT}; exec sh ${TEST_SCRIPT}`],
  shell: true,
};

function verifierOf(
  { env, timeoutSeconds, user, place }: NonNullable<AssignedStep['verifier']>,
  { test, tests }: ReadyStep,
  around: Around,
): NonNullable<Step['verifier']> {
  const { hasTests = false, workdir = around.workdir } = place ?? {};
  const command = {
    ...(hasTests ? OWN_TEST : scriptCommand(TEST_SCRIPT, demanded(test, 'tests/test.sh', 'the verifier'))),
    user,
    workdir,
    env: assignedEnv(env, around.secrets),
    stdout: '/logs/verifier/test-stdout.txt',
  };
  return { ...limited(command, timeoutSeconds), tests, ...(place && { place: placeOf(place, around) }) };
}

/** Variables of a phase with the values of secrets filled in. */
function assignedEnv(variables: readonly AssignedVariable[], secrets: Env): Env {
  return Object.fromEntries(
    variables.map((variable) => {
      if ('value' in variable) return [variable.name, variable.value];
      const value = secrets[variable.courierVariable];
      if (value === undefined)
        throw new AttemptFailure('SecretNotFound', `the value of ${variable.name} did not reach the courier`);
      return [variable.name, value];
    }),
  );
}

/** Pure: the assignment and the unpacked task → commands. Which values they have, the operator has decided. */
import type { Healthcheck } from '../../crds/environment.ts';
import type { ArtifactCopy, AssignedStep, AssignedVariable, Assignment } from '../../wire/assignment.ts';
import { AttemptFailure } from '../failure.ts';
import type { Command } from '../hand/command.ts';
import { scriptCommand } from './interpreter.ts';
import type { ReadyTask } from './ready-task.ts';

export type Env = Record<string, string>;

/** A command and the seconds it may take; no limit where it is missing. */
export interface Limited {
  command: Command;
  limitSeconds?: number;
}

/** What happens once, before the first step. */
export interface Surroundings {
  entrypoint?: Command;
  healthcheck?: Healthcheck & { probe: Command };
}

/** One agent and one verifier. A task without `[[steps]]` has one step. */
export interface Step {
  setup?: Limited;
  /** Missing: there is nothing to do, as for the agent `nop`. */
  agent?: Limited & { kind: 'oracle' | 'custom' };
  /** Of a custom agent; put where the task container can read them. */
  agentFiles?: { instruction: string; install?: string | undefined; run: string };
  /** What the agent leaves running is ended before the tests appear. */
  stopBackground: boolean;
  /** Run after the agent, before the artifacts are copied. */
  hooks: Limited[];
  artifacts: ArtifactCopy[];
  /** Copies them: the agent's user, because the agent chooses what lies there. */
  artifactsUser: string;
  /** Missing: disabled. */
  verifier?: Limited;
}

export interface Sequence {
  surroundings: Surroundings;
  steps: Step[];
}

/** Where things lie in the task container. */
export const CONTAINER = {
  tests: '/tests',
  solution: '/solution',
  /** Scripts and instruction of a custom agent, under the control volume. */
  agentFiles: '/sb/agent',
} as const;

/** Throws AttemptFailure for a task that has not what the assignment says of it, and for a secret that did not arrive. */
export function sequenceOf(assignment: Assignment, task: ReadyTask, secrets: Env): Sequence {
  const around = { ...assignment, secrets };
  return {
    surroundings: surroundingsOf(assignment),
    steps: assignment.steps.map((step) => stepOf(step, task, around)),
  };
}

/** What all commands share. */
type Around = Pick<Assignment, 'workdir' | 'user'> & { secrets: Env };

const limited = (command: Command, limitSeconds: number | undefined): Limited =>
  limitSeconds === undefined ? { command } : { command, limitSeconds };

/** `sh -c text`, by busybox where the image has no sh: a task needs nothing of its image. */
const shellCommand = (text: string, { workdir, user }: Pick<Assignment, 'workdir' | 'user'>): Command => ({
  argv: ['-c', text],
  shell: true,
  user,
  workdir,
  env: {},
});

function surroundingsOf({ image: { entrypoint }, workdir, user, healthcheck }: Assignment): Surroundings {
  return {
    // As Harbor runs it: the image's command gives way to one that only keeps the container alive.
    ...(entrypoint.length > 0 && {
      entrypoint: { argv: [...entrypoint, 'sh', '-c', 'sleep infinity'], user, workdir, env: {} },
    }),
    ...(healthcheck && {
      healthcheck: { ...healthcheck, probe: shellCommand(healthcheck.command, { workdir, user }) },
    }),
  };
}

function stepOf({ agent, hooks, artifacts, verifier }: AssignedStep, task: ReadyTask, around: Around): Step {
  return {
    ...agentOf(agent, task, around),
    stopBackground: agent.backgroundProcesses === 'Stop',
    hooks: hooks.map(({ command, timeoutSeconds, user = around.user }) =>
      limited(shellCommand(command, { ...around, user }), timeoutSeconds),
    ),
    artifacts,
    artifactsUser: agent.name === 'nop' ? around.user : agent.user,
    ...(verifier && { verifier: verifierOf(verifier, task, around) }),
  };
}

type AgentParts = Pick<Step, 'setup' | 'agent' | 'agentFiles'>;

function agentOf(agent: AssignedStep['agent'], task: ReadyTask, around: Around): AgentParts {
  switch (agent.name) {
    case 'nop':
      return {};
    case 'oracle':
      return { agent: oracle(agent, task, around) };
    case 'custom':
      return custom(agent, task, around);
    default:
      throw new AttemptFailure('TaskUnsupported', `agent ${agent.name} is not supported yet`);
  }
}

/** What a file of the task holds. The operator was told that it is there. */
function demanded(text: string | undefined, path: string, who: string): string {
  if (text === undefined) throw new AttemptFailure('TaskInvalid', `${path} is missing; ${who} needs it`);
  return text;
}

function oracle(
  agent: AssignedStep['agent'],
  { solve }: ReadyTask,
  { workdir, secrets }: Around,
): NonNullable<Step['agent']> {
  const script = demanded(solve, 'solution/solve.sh', 'the agent oracle');
  const command = {
    ...scriptCommand(`${CONTAINER.solution}/solve.sh`, script),
    user: agent.user,
    workdir,
    env: { DEBIAN_FRONTEND: 'noninteractive', ...assignedEnv(agent.env, secrets) },
    stdout: '/logs/agent/oracle.txt',
    exitFile: '/logs/agent/exit-code.txt',
  };
  return { kind: 'oracle', ...limited(command, agent.timeoutSeconds) };
}

function custom(
  { run = '', install, ...agent }: AssignedStep['agent'],
  task: ReadyTask,
  { workdir, secrets }: Around,
): AgentParts {
  const instruction = demanded(task.instruction, 'instruction.md', 'the agent custom');
  const shared = {
    workdir,
    env: {
      ...assignedEnv(agent.env, secrets),
      SB_INSTRUCTION: `${CONTAINER.agentFiles}/instruction.md`,
      ...(agent.model !== undefined && { SB_MODEL: agent.model }),
    },
  };
  const command: Command = {
    ...shared,
    ...scriptCommand(`${CONTAINER.agentFiles}/run`, run),
    user: agent.user,
    stdout: '/logs/agent/stdout.txt',
    stderr: '/logs/agent/stderr.txt',
  };
  const setup: Command | undefined =
    install === undefined
      ? undefined
      : {
          ...shared,
          ...scriptCommand(`${CONTAINER.agentFiles}/install`, install),
          user: '0',
          stdout: '/logs/agent/install.txt',
        };
  return {
    ...(setup && { setup: limited(setup, agent.setupTimeoutSeconds) }),
    agent: { kind: 'custom', ...limited(command, agent.timeoutSeconds) },
    agentFiles: { instruction, install, run },
  };
}

function verifierOf(
  { env, timeoutSeconds, user }: NonNullable<AssignedStep['verifier']>,
  { test }: ReadyTask,
  { workdir, secrets }: Around,
): Limited {
  const script = demanded(test, 'tests/test.sh', 'the verifier');
  const command = {
    ...scriptCommand(`${CONTAINER.tests}/test.sh`, script),
    user,
    workdir,
    env: assignedEnv(env, secrets),
    stdout: '/logs/verifier/test-stdout.txt',
  };
  return limited(command, timeoutSeconds);
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

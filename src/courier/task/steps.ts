/** Pure: the assignment and the task → what is to be run, every value resolved: Trial before task.toml before Harbor's default. */
import type { Healthcheck } from '../../crds/environment.ts';
import type { Assignment } from '../../wire/assignment.ts';
import type { TaskConfig } from '../../tasks/index.ts';
import { AttemptFailure } from '../failure.ts';
import type { Command } from '../hand/command.ts';
import { artifactsOf } from './artifacts.ts';
import type { ArtifactCopy } from './artifacts.ts';
import { scriptCommand } from './interpreter.ts';
import type { ReadyTask } from './ready-task.ts';
import { environmentEnv, phaseEnv, assignedEnv } from './variables.ts';
import type { Env } from './variables.ts';

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
  /** What is odd about the task without keeping it from running, one sentence each. */
  notes: string[];
}

/** Where things lie in the task container. */
export const CONTAINER = {
  tests: '/tests',
  solution: '/solution',
  /** Scripts and instruction of a custom agent, under the control volume. */
  agentFiles: '/sb/agent',
} as const;

/** Throws AttemptFailure for a task that cannot be run with this assignment. */
export function sequenceOf(assignment: Assignment, task: ReadyTask, secrets: Env): Sequence {
  const defaultUser = assignment.user ?? (assignment.image.user || '0');
  const base: Base = {
    workdir: assignment.workdir ?? task.config.environment.workdir ?? (assignment.image.workdir || '/'),
    env: environmentEnv(task.config.environment.env, assignment.environmentVariables),
    user: (...choices) => String(choices.find((choice) => choice !== undefined) ?? defaultUser),
  };
  const { artifacts, notes } = artifactsOf(assignment.artifacts, task.config.artifacts);
  const agent = agentOf(assignment, task, { base, secrets });
  return {
    notes,
    surroundings: surroundingsOf(assignment, task.config, base),
    steps: [
      {
        ...agent,
        hooks: hooksOf(task.config, base),
        artifacts,
        artifactsUser: agent.agent?.command.user ?? base.user(),
        ...verifierOf(assignment, task, { base, secrets }),
      },
    ],
  };
}

/** What all commands share. */
interface Base {
  workdir: string;
  /** `[environment.env]`, as far as the container has it not from the Trial. */
  env: Env;
  /** The first choice that was made, else the user of the environment. */
  user: (...choices: (string | number | undefined)[]) => string;
}

const limited = (command: Command, limitSeconds: number | undefined): Limited =>
  limitSeconds === undefined ? { command } : { command, limitSeconds };

/** `sh -c text`, by busybox where the image has no sh: a task needs nothing of its image. */
function shellCommand(text: string, { workdir, env, user }: Base): Command {
  return { argv: ['-c', text], shell: true, user: user(), workdir, env };
}

function surroundingsOf(assignment: Assignment, config: TaskConfig, base: Base): Surroundings {
  const { workdir, env, user } = base;
  const { entrypoint } = assignment.image;
  const healthcheck = assignment.healthcheck ?? healthcheckOf(config);
  return {
    // As Harbor runs it: the image's command gives way to one that only keeps the container alive.
    ...(entrypoint.length > 0 && {
      entrypoint: {
        argv: [...entrypoint, 'sh', '-c', 'sleep infinity'],
        user: user(),
        workdir,
        env,
      },
    }),
    ...(healthcheck && { healthcheck: { ...healthcheck, probe: shellCommand(healthcheck.command, base) } }),
  };
}

function healthcheckOf({ environment }: TaskConfig): Healthcheck | undefined {
  const { healthcheck } = environment;
  return (
    healthcheck && {
      command: healthcheck.command,
      intervalSeconds: healthcheck.interval_sec,
      timeoutSeconds: healthcheck.timeout_sec,
      startPeriodSeconds: healthcheck.start_period_sec,
      startIntervalSeconds: healthcheck.start_interval_sec,
      retries: healthcheck.retries,
    }
  );
}

type AgentInput = { base: Base; secrets: Env };

function agentOf(assignment: Assignment, task: ReadyTask, input: AgentInput): Pick<Step, 'setup' | 'agent'> {
  switch (assignment.agent.name) {
    case 'nop':
      return {};
    case 'oracle':
      return { agent: oracle(assignment, task, input) };
    case 'custom':
      return custom(assignment, task, input);
    default:
      throw new AttemptFailure('TaskUnsupported', `agent ${assignment.agent.name} is not supported yet`);
  }
}

function oracle(
  assignment: Assignment,
  { config, solve }: ReadyTask,
  { base, secrets }: AgentInput,
): NonNullable<Step['agent']> {
  if (solve === undefined)
    throw new AttemptFailure('TaskInvalid', 'solution/solve.sh is missing; the agent oracle needs it');
  const { agent } = assignment;
  const own = assignedEnv(agent.env, secrets);
  const command = {
    ...scriptCommand(`${CONTAINER.solution}/solve.sh`, solve),
    user: base.user(agent.user, config.agent.user),
    workdir: base.workdir,
    env: {
      ...base.env,
      DEBIAN_FRONTEND: 'noninteractive',
      ...phaseEnv('solution.env', config.solution.env, own),
    },
    stdout: '/logs/agent/oracle.txt',
    exitFile: '/logs/agent/exit-code.txt',
  };
  return { kind: 'oracle', ...limited(command, agent.timeoutSeconds ?? config.agent.timeout_sec) };
}

function custom(
  assignment: Assignment,
  task: ReadyTask,
  { base, secrets }: AgentInput,
): Pick<Step, 'setup' | 'agent'> {
  const { agent } = assignment;
  if (agent.run === undefined) throw new AttemptFailure('TaskInvalid', 'agent custom has no run script');
  if (task.instruction === undefined)
    throw new AttemptFailure('TaskInvalid', 'instruction.md is missing; the agent custom needs it');
  const shared = {
    workdir: base.workdir,
    env: {
      ...base.env,
      ...assignedEnv(agent.env, secrets),
      SB_INSTRUCTION: `${CONTAINER.agentFiles}/instruction.md`,
      ...(agent.model !== undefined && { SB_MODEL: agent.model }),
    },
  };
  const run: Command = {
    ...shared,
    ...scriptCommand(`${CONTAINER.agentFiles}/run`, agent.run),
    user: base.user(agent.user, task.config.agent.user),
    stdout: '/logs/agent/stdout.txt',
    stderr: '/logs/agent/stderr.txt',
  };
  const install: Command | undefined =
    agent.install === undefined
      ? undefined
      : {
          ...shared,
          ...scriptCommand(`${CONTAINER.agentFiles}/install`, agent.install),
          user: '0',
          stdout: '/logs/agent/install.txt',
        };
  return {
    ...(install && { setup: limited(install, agent.setupTimeoutSeconds) }),
    agent: { kind: 'custom', ...limited(run, agent.timeoutSeconds ?? task.config.agent.timeout_sec) },
  };
}

const hooksOf = ({ verifier }: TaskConfig, base: Base): Limited[] =>
  verifier.collect.map(({ command, timeout_sec: limit, user }) =>
    limited({ ...shellCommand(command, base), user: base.user(user) }, limit),
  );

function verifierOf(
  { verifier }: Assignment,
  { config, test }: ReadyTask,
  { base, secrets }: AgentInput,
): Pick<Step, 'verifier'> {
  if (verifier.disabled) return {};
  if (test === undefined)
    throw new AttemptFailure('TaskInvalid', 'tests/test.sh is missing; the verifier needs it');
  const command = {
    ...scriptCommand(`${CONTAINER.tests}/test.sh`, test),
    user: base.user(verifier.user, config.verifier.user),
    workdir: base.workdir,
    env: {
      ...base.env,
      ...phaseEnv('verifier.env', config.verifier.env, assignedEnv(verifier.env, secrets)),
    },
    stdout: '/logs/verifier/test-stdout.txt',
  };
  return { verifier: limited(command, verifier.timeoutSeconds ?? config.verifier.timeout_sec) };
}

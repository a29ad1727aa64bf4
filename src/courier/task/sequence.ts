/** What a courier does, as commands: made of the assignment and the unpacked task by `steps.ts`. */
import type { AgentReport } from '../../agents/agent.ts';
import type { Healthcheck } from '../../crds/environment.ts';
import type { ArtifactCopy, Assignment, UncopiedArtifact } from '../../wire/assignment.ts';
import { POD_PATHS } from '../../wire/pod-paths.ts';
import type { Command } from '../hand/hand.ts';
import type { Service } from '../services/service.ts';

/** Where things lie in the task container. */
export const CONTAINER = {
  tests: POD_PATHS.tests,
  solution: POD_PATHS.solution,
  /** Files of the agent, under the control volume. */
  agentFiles: '/sb/agent',
} as const;

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

export const limited = (command: Command, limitSeconds: number | undefined): Limited =>
  limitSeconds === undefined ? { command } : { command, limitSeconds };

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
    transcript?: { path: string; read: (lines: Iterable<string>) => AgentReport };
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

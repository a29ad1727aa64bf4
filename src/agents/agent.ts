/**
 * What an agent is to this project: one file under `known/`, with its facts (data, which the API, `sb` and the docs are made of) and how it is
 * installed, run and read. Pure: the courier reads it and does what it says. `npm run generate` makes the registry of these files.
 *
 * ```
 * install (root, the environment's phase) → run (the agent's user, the agent's phase) → transcript.read → usage, failure, trajectory
 * ```
 *
 * Everything that a transcript holds was written by the agent, or by whoever acted in its container: it is checked, bounded, and never decides
 * about a reward.
 */

import type { McpServer } from '../crds/agent-facts.ts';
import type { ModelNamed } from '../crds/providers.ts';
import type { AgentFailureType } from '../crds/agent-failures.ts';
import type { Usage } from '../crds/trial-status.ts';
import type { Trajectory } from '../wire/trajectory.ts';

/** The model that an agent is to use. */
export interface ModelGiven extends ModelNamed {
  /** Where it answers, as the provider's own programs take it. Missing: where the provider says. */
  baseUrl?: string;
  /** The variable of the agent's that has the key, or what stands for it. */
  key: string;
}

/** What an agent is given. Paths are those of the task container. */
export interface AgentGiven {
  /** The file with the instruction. */
  instruction: string;
  /** The folder of the solution; there only for an agent that works from it. */
  solution: string;
  /** The folder where `files` of the agent lie, which it can only read. */
  folder: string;
  /** The text of `solution/solve.sh`, for an agent that works from it. */
  solve: string;
  /** As the Trial has it. */
  model?: string | undefined;
  /** The same, for an agent that knows its provider. */
  endpoint?: ModelGiven | undefined;
  /** The version of its program. */
  version?: string | undefined;
  /** Whether it may search and fetch from the web by tools of its own: only where its phase has all of the network. */
  webTools: boolean;
  /** The folder of the task's skills, for an agent that takes them. */
  skills?: string | undefined;
  /** For an agent that takes them. Where a header names a variable, the agent has it. */
  mcpServers?: McpServer[] | undefined;
  /** Scripts of the Trial. */
  install?: string | undefined;
  run?: string | undefined;
}

/** A script that is run in the task container, as `bash -c <path>` would. */
export interface AgentScript {
  path: string;
  /** What is in it: its first line says which program runs it. */
  text: string;
  /** On top of the agent's variables. */
  env?: Record<string, string>;
  stdout: string;
  /** Missing: with stdout. */
  stderr?: string;
  /** Has the exit code where that is not 0. */
  exitFile?: string;
}

/** Where an agent's program is found in the task container, from its image or from its `install`: `bin` has its programs. */
export const PROGRAM_FOLDER = '/opt/sb-agent';

/** What can lie in it. An image has them at `/`. */
export const PROGRAM_PARTS = ['bin', 'lib', 'node', 'npm', 'python', 'venv'] as const;

/** How its program comes to it. */
export interface Program {
  /** Makes an image of the program's files alone, `/` of it what `PROGRAM_FOLDER` is to be: the text of a Dockerfile with no context. */
  dockerfile: (version: string) => string;
  /** Puts the same into `PROGRAM_FOLDER` of a running container, by `bash` or `sh` as root, where there is no such image. */
  install: (version: string) => string;
}

/** What went wrong for an agent, by what it says of its model. */
export interface AgentFailure {
  type: AgentFailureType;
  /** In its own words, at most 1,024 characters. */
  message: string;
}

/** What can be read of what an agent wrote. */
export interface AgentReport {
  usage?: Usage;
  /** The last that it was not able to get over; what a tool printed is none. */
  failure?: AgentFailure;
  trajectory?: Trajectory;
}

/** A file that the agent writes, and how it is read. */
export interface Transcript {
  /** Absolute path, below `/logs/agent`. */
  path: string;
  /** Pure; never throws, whatever the lines hold. They come without their ends, and a very long one is cut. */
  read: (lines: Iterable<string>, given: Pick<AgentGiven, 'model' | 'version'>) => AgentReport;
}

export interface Agent {
  /** Missing: it needs none. Has to be there where the facts name a program. */
  program?: Program;
  /** Run as root before the agent, within the limit of the setup; undefined where there is nothing to install. */
  install?: (given: AgentGiven) => AgentScript | undefined;
  /** Run as the agent's user. Missing: it does nothing. */
  run?: (given: AgentGiven) => AgentScript;
  /** Files that are put into its folder beside the instruction and its scripts, by name. No secrets: every user of the container can read them. */
  files?: (given: AgentGiven) => Record<string, string>;
  /** Whether an exit code other than 0 is told as `NonZeroAgentExitCodeError`. */
  exitCodeTells: boolean;
  /** Missing: nothing can be read of what it writes. */
  transcript?: Transcript;
}

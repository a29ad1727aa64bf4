/**
 * What an agent is to this project. What it takes and what it works from is data, in `crds/agents.ts`; how it is installed and run is a file
 * of its own here, and `registry.ts` has one entry for each name. Pure: the courier reads it and does what it says.
 */

import type { McpServer } from '../crds/agents.ts';
import type { Usage } from '../crds/trial-status.ts';

/** What an agent is given. Paths are those of the task container. */
export interface AgentGiven {
  /** The file with the instruction. */
  instruction: string;
  /** The folder of the solution; there only for an agent that works from it. */
  solution: string;
  /** The folder where `files` of the agent lie. */
  folder: string;
  /** The text of `solution/solve.sh`, for an agent that works from it. */
  solve: string;
  model?: string | undefined;
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

export interface Agent {
  /** Run as root before the agent, within the limit of the setup; undefined where there is nothing to install. */
  install?: (given: AgentGiven) => AgentScript | undefined;
  /** Run as the agent's user. Missing: it does nothing. */
  run?: (given: AgentGiven) => AgentScript;
  /** Files of its own that are put into its folder beside the instruction, by name. */
  files?: (given: AgentGiven) => Record<string, string>;
  /** Whether an exit code other than 0 is told as `NonZeroAgentExitCodeError`. */
  exitCodeTells: boolean;
  /** Tokens and cost, of the end of what `run` wrote to its stdout; undefined where it does not say. The agent writes that, so expect anything. */
  usage?: (output: string) => Usage | undefined;
}

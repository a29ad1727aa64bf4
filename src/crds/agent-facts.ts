/** What is known of an agent, as data: each has its own in its file under `src/agents/known`. */
import type { ProviderName } from './providers.ts';

/** Where an agent's program comes from. It runs in every Linux image. */
export interface AgentProgram {
  registry: 'npm' | 'PyPI';
  package: string;
  /** The one that runs where the Trial names none. */
  version: string;
}

export interface AgentFacts {
  /** What it does, as `<name> <does>`. */
  does: string;
  /** What it works from; a task without that file cannot be run by it. Only who reads the solution ever has it, and `[solution.env]`. */
  reads: 'solution/solve.sh' | 'instruction.md' | 'nothing';
  /** Takes scripts of the user's: `run` is required, `install` is optional. */
  scripts: boolean;
  /** Whether it takes `model`. `required`: it has no model of its own choice. */
  model: 'none' | 'optional' | 'required';
  /** Whose models it can use; a model without a provider before its slash is of the first. Empty: nothing is known of that. */
  providers: readonly ProviderName[];
  /** Missing: it needs none. */
  program?: AgentProgram;
  /** Takes a task's `skills_dir`. */
  skills: boolean;
  /** Takes a task's `mcp_servers`. */
  mcp: boolean;
  /** Sends the headers of those. */
  mcpHeaders: boolean;
}

/** An MCP server of a task. `${NAME}` in the value of a header stands for a variable of the agent's. */
export type McpServer =
  | { name: string; transport: 'stdio'; command: string; args: string[] }
  | { name: string; transport: 'sse' | 'streamable-http'; url: string; headers: Record<string, string> };

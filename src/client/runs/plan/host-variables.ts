/** Which variables of the caller's environment a run asks for, and who does. Whoever writes a task or a run file could name any of them. */
import { keysOf } from '../../../crds/agent-model.ts';
import { shownName, solves } from '../../../crds/agents.ts';
import { headerVariables, templateOf } from '../../../tasks/index.ts';
import type { SelectedTask } from '../select/select.ts';
import type { Contender } from './agents.ts';
import type { RunOptions } from '../../documents/run-options.ts';
import type { Variables } from './variables.ts';

/** A variable of the caller's that is asked for. */
export interface HostVariable {
  name: string;
  /** Names of tasks, `the run file`, or `the agent <name>`, each once. */
  by: string[];
}

interface HostVariablesOptions {
  tasks: readonly Pick<SelectedTask, 'task'>[];
  contenders: readonly Contender[];
  /** Flags and run file together. */
  options: RunOptions;
  /** Out of --env-file: these are the run's own. */
  envFile: Variables;
  environment: Record<string, string | undefined>;
  /** Names that may be read: of --allow-env, and those that --ae and --ve name. */
  allowed: readonly string[];
}

const RUN_FILE = 'the run file';

/**
 * The variables that are set in the caller's environment, that a task, the run file or an agent for its model asks for, and that nobody allowed; by name. A variable
 * with a default counts, too: it is read where it is set. One that is not set gives nothing away.
 */
export function hostVariables(wish: HostVariablesOptions): HostVariable[] {
  const { environment, allowed, envFile } = wish;
  const found = new Map<string, Set<string>>();
  for (const { variable, by } of asked(wish)) {
    if (environment[variable] === undefined || !Object.hasOwn(environment, variable)) continue;
    if (allowed.includes(variable) || Object.hasOwn(envFile, variable)) continue;
    found.set(variable, (found.get(variable) ?? new Set()).add(by));
  }
  return [...found].map(([name, by]) => ({ name, by: [...by] })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The caller's environment with what may be read of it alone. */
export const readable = (
  environment: Record<string, string | undefined>,
  names: readonly string[],
): Record<string, string | undefined> =>
  Object.fromEntries(
    names.filter((name) => Object.hasOwn(environment, name)).map((name) => [name, environment[name]]),
  );

/** Names of the variables that a table's values ask for. */
export const variablesIn = (table: Variables = {}): string[] =>
  Object.values(table).flatMap((value) => templateOf(value)?.variable ?? []);

function* asked(wish: HostVariablesOptions) {
  const { tasks, contenders, options, envFile } = wish;
  const { agentEnv = {}, verifierEnv = {} } = options;
  for (const variable of [...variablesIn(agentEnv), ...variablesIn(verifierEnv)])
    yield { variable, by: RUN_FILE };
  for (const contender of contenders) yield* askedByAgent(contender, wish);
  for (const { task } of tasks) {
    const { environment, solution, verifier, steps = [] } = task.config;
    for (const { agent } of contenders) {
      const ofAgent = { ...envFile, ...agentEnv, ...agent.env };
      yield* askedFor(environment.env, { by: task.name, given: ofAgent, overridden: {} });
      if (solves(agent.name))
        yield* askedFor(solution.env, { by: task.name, given: ofAgent, overridden: ofAgent });
      const headers = headerVariables(environment, agent.name);
      yield* askedFor(headers, { by: task.name, given: ofAgent, overridden: ofAgent });
    }
    for (const { env } of [verifier, ...steps.map((step) => step.verifier)])
      yield* askedFor(env, { by: task.name, given: verifierEnv, overridden: verifierEnv });
  }
}

/** What its own table asks for, and the key of its model where nobody gives it. */
function* askedByAgent(
  contender: Contender,
  { envFile, options: { agentEnv } }: Pick<HostVariablesOptions, 'envFile' | 'options'>,
) {
  const { agent, model } = contender;
  const by = agent.title === undefined ? RUN_FILE : whose(agent);
  for (const variable of variablesIn(agent.env)) yield { variable, by };
  for (const variable of keysOf({ ...agent, model }))
    if (!Object.hasOwn({ ...envFile, ...agentEnv, ...agent.env }, variable))
      yield { variable, by: whose(agent) };
}

const whose = (agent: Contender['agent']): string => `the agent ${shownName(agent)}`;

/** What a task's table asks for beyond what the run gives; a value that the run overrides asks for nothing. */
function* askedFor(
  table: Variables,
  { by, given, overridden }: { by: string; given: Variables; overridden: Variables },
) {
  for (const [name, value] of Object.entries(table)) {
    const variable = templateOf(value)?.variable;
    if (variable === undefined || Object.hasOwn(given, variable) || Object.hasOwn(overridden, name)) continue;
    yield { variable, by };
  }
}

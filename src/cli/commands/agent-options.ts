/** Options that say who does the tasks, with which model, and with which keys: of `sb cloud run` and `sb agent check` alike. */
import { Option, type Command } from 'commander';
import { number, several, wholeNumber } from './command.ts';

/** Who, by which model. */
export const withAgents = (command: Command): Command =>
  command
    .option(
      '-a, --agent <name>',
      'agent to run them with, or a YAML file of your own, such as ./my-agent.yaml; repeatable (default: oracle)',
      several,
    )
    .option(
      '-m, --model <name>',
      'model for the agents, such as anthropic/claude-opus-4-1; repeatable: every agent runs with every model',
      several,
    )
    .option('--agent-version <version>', 'version of the agent’s program (default: see sb agent ls)');

/** How the agents come to their models. */
export const withModels = (command: Command): Command =>
  command
    .option('--base-url <url>', 'where the models answer, such as a gateway (default: the provider)')
    .addOption(
      new Option(
        '--model-access <access>',
        'Proxy: the courier holds the key and counts tokens; Direct: the agent holds it (default: Proxy, of a custom agent Direct)',
      ).choices(['Proxy', 'Direct']),
    )
    .option('--max-tokens <number>', 'tokens that a Trial may use, input and output together', wholeNumber)
    .option('--max-cost <number>', 'US dollars that a Trial may use', number);

/** What the agents' environment has. */
export const withAgentVariables = (command: Command): Command =>
  command
    .option(
      '--ae <KEY[=VALUE]>',
      'variable for the agent, without a value that of this shell; repeatable; values that look secret are stored in a Secret',
      several,
    )
    .option(
      '--env-file <file>',
      'variables for the agent, one KEY=VALUE per line; always stored in a Secret; repeatable, later files override',
      several,
    );

import { Command, CommanderError, Option } from 'commander';

/** What was asked for on the command line. Without folders the demo runs the project's own examples. */
export interface Wish {
  folders: string[];
  agents: string[];
  keep: boolean;
}

/** Bad usage; what is wrong was printed already. `exitCode` is 0 where only help was wanted. */
export class UsageError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('bad usage');
    this.exitCode = exitCode;
  }
}

/** Agents that need nothing but the task folder. */
const AGENTS = ['oracle', 'nop'];

/** Reads the arguments after the program's name; prints what is wrong and throws UsageError. */
export function readArguments(args: string[]): Wish {
  const command = new Command('npm run demo --')
    .description(
      'Runs task folders as Trials on the local cluster; without any, the examples of this project.',
    )
    .argument('[folders...]', 'task folders (task.toml, instruction.md, environment/, solution/, tests/)')
    .addOption(
      new Option('-a, --agent <names...>', 'agents to run the folders with')
        .choices(AGENTS)
        .default(['oracle']),
    )
    .option('--keep', 'leave the cluster up, also where the demo started it', false)
    .exitOverride();
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) throw new UsageError(error.exitCode === 0 ? 0 : 2);
    throw error;
  }
  const { agent, keep } = command.opts<{ agent: string[]; keep: boolean }>();
  return { folders: [...new Set(command.args)], agents: [...new Set(agent)], keep };
}

import { Command, CommanderError, type Option } from 'commander';
import { isRepeatable, type Cli, type CommandOf } from './commands/command.ts';
import { agent } from './commands/agent.ts';
import { cloud } from './commands/cloud.ts';
import { complete, completion } from './commands/completion.ts';
import { doctor } from './commands/doctor.ts';
import { runs } from './commands/run.ts';
import { sandbox } from './commands/sandbox.ts';
import { task } from './commands/task.ts';
import { trial } from './commands/trial.ts';
import { version } from './commands/version.ts';
import { CliError } from '../client/failures/error.ts';
import { explain } from '../client/failures/explain.ts';
import { printFailure } from './render/failure.ts';
import type { Io } from './types.ts';

const COMMANDS: readonly CommandOf[] = [
  cloud,
  runs,
  trial,
  sandbox,
  task,
  agent,
  doctor,
  version,
  completion,
];

/** What `sb` says when it is asked nothing. */
const GREETING = `sb runs tasks for AI agents on Kubernetes and brings their rewards back.

  sb doctor                     is there a cluster, and can Trials run in it?
  sb task check <folder>        is this a task, and what is wrong with it?
  sb cloud run -t <folder>      run it, or all tasks in there, and fetch the results

sb --help names the other commands, sb <command> --help shows each with examples.
`;

/** The whole command line of `sb`, with nothing loaded that only running a command needs. */
export function program(cli: Cli): Command {
  const root = new Command('sb')
    .description('Runs tasks for AI agents on Kubernetes and brings their rewards back.')
    .option('--no-input', 'never prompt')
    .option('--debug', 'print the cause of an error')
    .helpCommand('help [command]', 'print the help of a command');
  for (const command of COMMANDS) root.addCommand(command(cli));
  root.addCommand(complete(cli), { hidden: true });
  for (const command of everyCommand(root)) adopt(command, cli);
  return root;
}

/** A command and all below it. */
export const everyCommand = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap((child) => everyCommand(child)),
];

/** The words that call a command: `sb task check`. */
export function callOf(command: Command): string {
  return command.parent ? `${callOf(command.parent)} ${command.name()}` : command.name();
}

/** Text goes to the terminal that was given, wrong usage is thrown, and no option is lost. */
function adopt(command: Command, { io }: Cli): void {
  keepOptions(command);
  command
    .exitOverride((error) => {
      throw asUsage(error, command);
    })
    .configureOutput({
      writeOut: (text) => io.terminal.out(text),
      writeErr: (text) => io.terminal.err(text),
      outputError: () => undefined,
      getOutHelpWidth: () => Math.min(io.terminal.columns(), 110),
      getOutHasColors: () => false,
    })
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false });
}

/**
 * Refuses what would silently take the place of something else: an option that is given twice under any of its names, unless it takes all its
 * values or is a switch that says the same again. An empty path is none: it would be the current folder.
 */
function keepOptions(command: Command): void {
  const given = new Map<string, Option>();
  for (const option of command.options)
    command.on(`option:${option.name()}`, (value: unknown) => {
      const before = given.get(option.attributeName());
      given.set(option.attributeName(), option);
      if (before && !isRepeatable(option) && !(before === option && isSwitch(option)))
        throw misused(command, `option '${option.flags}' is given twice; it takes one value`);
      if (value === '' && isPath(option.flags)) throw misused(command, `option '${option.flags}' is empty`);
    });
  command.hook('preAction', (_, called) => {
    const takesPaths = called.registeredArguments.some((argument) => isPath(`<${argument.name()}>`));
    if (takesPaths && called.args.includes('')) throw misused(called, 'a path is empty');
  });
}

const isSwitch = ({ required, optional }: Option): boolean => !required && !optional;

/** Values are called after what they are. */
const isPath = (flags: string): boolean => /<(path|file|folder)>/.test(flags);

function misused(command: Command, why: string): CliError {
  const call = callOf(command);
  return new CliError('SB-E001', { what: `${call} was not understood`, why, fix: `${call} --help` });
}

/** SB-E001 for what commander does not understand; help and version are no failure. */
function asUsage(error: CommanderError, command: Command): Error {
  if (error.exitCode === 0 || error.code === 'commander.help') return error;
  return misused(command, error.message.replace(/^error: /, ''));
}

/** No option of `sb`: each command would have it, too. */
const isVersionWish = (args: readonly string[]): boolean => args.length === 1 && args[0] === '--version';

/** Runs `sb` with these arguments: the one place where a failure becomes four lines and an exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  if (args.every((arg) => arg === '--no-input')) {
    io.terminal.out(GREETING);
    return 0;
  }
  let code = 0;
  const root = program({ io, finish: (wanted) => (code = wanted) });
  try {
    await root.parseAsync(isVersionWish(args) ? ['version', '--client'] : [...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (io.signal.aborted && !(error instanceof CliError)) return 130;
    const failure = explain(error);
    printFailure(io.terminal, failure, { debug: args.includes('--debug') });
    return failure.exit;
  }
}

/** What every command is made of: options in common, values of options, and the way from an action to an exit code. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { SchemaName } from '../../client/documents/index.ts';
import type { LogPhase } from '../../client/logs/parts.ts';
import type { Session, SessionOptions } from '../../client/session/types.ts';
import type { Io, OutputFormat } from '../types.ts';

/** What a command is given: the process around it, and where its exit code goes. */
export interface Cli {
  io: Io;
  /** Default: 0. A command that runs another finishes with the code of that. */
  finish: (code: number) => void;
}

/** A command's part of the program; whatever it needs beyond its options is imported when it runs. */
export type CommandOf = (cli: Cli) => Command;

/** What an action in a cluster works with: its arguments and options as they were typed, and a session that is closed after it. */
export interface InCluster<Options, Arguments extends readonly (string | string[])[]> {
  session: Session;
  options: Options;
  arguments: Arguments;
}

/**
 * The action of a command that talks to a cluster. `modules` imports what only running it needs; then a session is opened by the options and
 * closed again. The action resolves to the exit code where that is not 0.
 */
export const inCluster =
  <Modules, Options extends SessionOptions, Arguments extends readonly (string | string[])[]>(
    { io, finish }: Cli,
    modules: () => Promise<Modules>,
    action: (given: InCluster<Options, Arguments>, loaded: Modules) => Promise<number | void>,
  ) =>
  async (...given: unknown[]): Promise<void> => {
    // Commander hands over the arguments, the options and the command.
    const options = given.at(-2) as Options;
    const args = given.slice(0, -2) as readonly unknown[] as Arguments;
    const [{ withSession }, loaded] = await Promise.all([
      import('../../client/session/session.ts'),
      modules(),
    ]);
    const code = await withSession(options, io, (session) =>
      action({ session, options, arguments: args }, loaded),
    );
    if (code !== undefined) finish(code);
  };

/** `--context` and `--kubeconfig`, as kubectl has them: of a command that is about the cluster as a whole. */
export const withContext = (command: Command): Command =>
  command
    .option('--context <name>', 'context of the kubeconfig (default: the current one)')
    .option('--kubeconfig <file>', 'kubeconfig file (default: KUBECONFIG, else ~/.kube/config)');

/** The same, and `-n`. */
export const withCluster = (command: Command): Command =>
  withContext(command).option('-n, --namespace <name>', 'namespace (default: the context’s, else default)');

/** Of a command that prints one document, about what it did. */
export const DEED: readonly OutputFormat[] = ['table', 'json', 'yaml', 'name'];

const FORMATS: readonly OutputFormat[] = ['table', 'wide', 'json', 'yaml', 'name', 'jsonl'];

/** What a program reads and writes: which options, and the schema of the document. */
type Documents = Readonly<Record<string, SchemaName>>;

const DOCUMENTS = new WeakMap<Command, Documents>();

/** `-o`, with the formats that make sense for the command. */
export function withOutput(
  command: Command,
  documents: Documents,
  formats: readonly OutputFormat[] = FORMATS,
): Command {
  DOCUMENTS.set(command, documents);
  return command.addOption(
    new Option('-o, --output <format>', 'how to print').choices([...formats]).default(formats[0] ?? 'table'),
  );
}

export const documentsOf = (command: Command): Documents => DOCUMENTS.get(command) ?? {};

/** What `withContext`, `withCluster` and `withOutput` add. */
export type ClusterOptions = SessionOptions;
export interface OutputOptions {
  output: OutputFormat;
}

/** Of a command that takes the newest where nothing is named. */
interface NamedOptions {
  last?: true;
}

/** An action on a run or Trial that is named, or on the newest. */
export type OnNamed<More = object> = InCluster<
  ClusterOptions & OutputOptions & NamedOptions & More,
  [name: string]
>;

/** `[run]` or `[trial]` with `--last`: the newest where nothing is named. */
export function withNewest(command: Command, noun: 'run' | 'trial'): Command {
  const word = noun === 'run' ? 'run' : 'Trial';
  return command
    .argument(`[${noun}]`, `name of the ${word}, its unique beginning, or @latest`, '@latest')
    .option('--last', `the ${word} that was created last, as @latest`);
}

/** The one that is meant; `--last` goes before a name. */
export const meant = ({ arguments: [name], options: { last } }: OnNamed): string => (last ? '@latest' : name);

/** Of a command that prints logs. */
export interface LogOptions {
  phase?: LogPhase;
  tail?: number;
  follow: boolean;
}

/** `--phase`, `--tail` and `-f`; `follow` says how long. */
export const withLogs = (command: Command, follow: string): Command =>
  command
    .addOption(
      new Option('--phase <phase>', 'only this phase').choices(['build', 'setup', 'agent', 'verifier']),
    )
    .option('--tail <lines>', 'number of last lines to print of each file', wholeNumber)
    .option('-f, --follow', follow, false);

/** What is wished of a log. */
export const logWish = ({ phase, tail, follow }: LogOptions): LogOptions => ({
  follow,
  ...(phase && { phase }),
  ...(tail !== undefined && { tail }),
});

/** What one would type, and what for. */
type Example = readonly [command: string, purpose: string];

const EXAMPLES = new WeakMap<Command, readonly Example[]>();

/** Gives a command its examples, for --help and the reference. */
export function examples(command: Command, lines: readonly Example[]): Command {
  EXAMPLES.set(command, lines);
  const width = Math.max(...lines.map(([typed]) => typed.length));
  const text = lines.map(([typed, purpose]) => `  ${typed.padEnd(width)}  ${purpose}`).join('\n');
  return command.addHelpText('after', `\nExamples:\n${text}`);
}

export const examplesOf = (command: Command): readonly Example[] => EXAMPLES.get(command) ?? [];

type Parser = (value: string, before: never) => unknown;

const REPEATABLE = new WeakSet<Parser>();

/** Marks a parser of values as one that keeps those before. */
export function collecting<P extends Parser>(parser: P): P {
  REPEATABLE.add(parser);
  return parser;
}

/** Collects the values of an option that may be given several times. */
export const several = collecting((value: string, before: readonly string[] = []): string[] => [
  ...before,
  value,
]);

/** Whether an option takes every value that it is given. */
export const isRepeatable = ({ parseArg }: Option): boolean =>
  parseArg !== undefined && REPEATABLE.has(parseArg);

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('expected a number');
  return value;
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
}

/** As `durationMs` takes it, of which only running a command needs more. */
export function duration(text: string): string {
  if (!/^\d+(\.\d+)?[smhd]$/.test(text))
    throw new InvalidArgumentError('expected a duration, such as 90s, 30m or 2h');
  return text;
}

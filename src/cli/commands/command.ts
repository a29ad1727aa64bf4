/** What every command is made of: options in common, and the way from an action to an exit code. */
import { Option, type Command } from 'commander';
import type { SchemaName } from '../../client/documents/index.ts';
import type { ExitCode } from '../../client/failures/error.ts';
import type { Io, OutputFormat } from '../types.ts';
import type { SessionOptions } from '../../client/session/types.ts';

/** What a command is given: the process around it, and where its exit code goes. */
export interface Cli {
  io: Io;
  /** Default: 0. */
  finish: (code: ExitCode) => void;
}

/** A command's part of the program; whatever it needs beyond its options is imported when it runs. */
export type CommandOf = (cli: Cli) => Command;

/** `--context`, `--kubeconfig` and `-n`, as kubectl has them. */
export const withCluster = (command: Command): Command =>
  command
    .option('--context <name>', 'context of the kubeconfig (default: the current one)')
    .option('--kubeconfig <file>', 'kubeconfig file (default: KUBECONFIG, else ~/.kube/config)')
    .option('-n, --namespace <name>', 'namespace (default: the context’s, else default)');

/** Of a command that prints one document, about what it did. */
export const DEED: readonly OutputFormat[] = ['table', 'json', 'yaml', 'name'];

const FORMATS: readonly OutputFormat[] = ['table', 'wide', 'json', 'yaml', 'name', 'jsonl'];

/** What a program reads and writes: which options, and the schema of the document. */
export type Documents = Readonly<Record<string, SchemaName>>;

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

/** What `withCluster` and `withOutput` add. */
export type ClusterOptions = SessionOptions;
export interface OutputOptions {
  output: OutputFormat;
}

/** What one would type, and what for. */
export type Example = readonly [command: string, purpose: string];

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

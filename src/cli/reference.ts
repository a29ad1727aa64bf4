/** docs/reference/cli.md, out of commander's own tree. */
import type { Argument, Command, Option } from 'commander';
import { documentsOf, examplesOf } from './commands/command.ts';
import { CATALOGUE, type CatalogueEntry } from '../client/failures/error.ts';
import { callOf, everyCommand } from './program.ts';
import { SCHEMAS, type SchemaName } from '../client/documents/index.ts';

const EXIT_CODES: [code: number, meaning: string][] = [
  [0, 'Finished. A wrong answer of the agent is data, not an error.'],
  [1, 'At least one Trial was lost to infrastructure; or `sb task check` found problems.'],
  [2, 'Wrong usage.'],
  [3, 'Preflight, permission, or a cluster or store that cannot be reached; or `sb doctor` found a problem.'],
  [4, 'The mean reward is below `--fail-under`.'],
  [124, 'The wait timed out; the run continues.'],
  [130, 'Interrupted; the run continues.'],
];

const ENVIRONMENT: [name: string, meaning: string][] = [
  ['KUBECONFIG', 'Kubeconfig files, as for kubectl.'],
  [
    'AWS_PROFILE, AWS_ACCESS_KEY_ID, …',
    'Credentials for the store, as for the AWS CLI. A local cluster needs none.',
  ],
  ['NO_COLOR', 'If not empty, no colours. FORCE_COLOR: colours even on a pipe.'],
];

const INTRODUCTION = `\`sb\` uses the current context of the kubeconfig and only your own credentials. Data goes to stdout, everything else to stderr. Without a terminal, \`sb\` never prompts. An error has four lines: what failed, why, what to do, and a code with [its own page](#error-codes).`;

const DOCUMENTS =
  'The output of `-o json` follows a schema: fields may be added, but none is removed or changes its meaning. `-o yaml` is the same document; `-o jsonl` prints one item of a list per line, or the document on one line if there is no list, unless it has its own schema.';

/** The page's text. */
export function cliPage(root: Command): string {
  const commands = everyCommand(root).filter((command) => !command.name().startsWith('__'));
  return [
    '# Command line of sb',
    INTRODUCTION,
    contents(commands),
    ...commands.map((command) => section(command, root)),
    '## Documents for programs',
    DOCUMENTS,
    table(['Command', 'Schema', 'What it is'], commands.flatMap(documentRows)),
    '## Exit codes',
    table(
      ['Code', 'Meaning'],
      EXIT_CODES.map(([code, meaning]) => [String(code), meaning]),
    ),
    '## Environment',
    table(
      ['Variable', 'Meaning'],
      ENVIRONMENT.map(([name, meaning]) => [code(name), meaning]),
    ),
    '## Error codes',
    table(['Code', 'Failure', 'Exit code'], errors()),
  ].join('\n\n');
}

const errors = (): string[][] =>
  Object.entries<CatalogueEntry>(CATALOGUE)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { title, exit }]) => [`[${name}](../errors/${name}.md)`, title, String(exit)]);

const contents = (commands: readonly Command[]): string =>
  commands.map((command) => `- [${callOf(command)}](#${callOf(command).replaceAll(' ', '-')})`).join('\n');

function section(command: Command, root: Command): string {
  const own = command === root ? root.options : command.options;
  const options = own.filter(({ hidden }) => !hidden);
  const examples = examplesOf(command);
  const schemas = Object.entries(documentsOf(command))
    .map(([typed, name]) => `${code(typed)} ${link(name)}`)
    .join(', ');
  return [
    `## ${callOf(command)}`,
    command.description(),
    `\`\`\`\n${callOf(command)} ${command.usage()}\n\`\`\``,
    ...(command.registeredArguments.length > 0
      ? [table(['Argument', 'Meaning'], command.registeredArguments.map(argumentRow))]
      : []),
    ...(options.length > 0 ? [table(['Option', 'Meaning'], options.map(optionRow))] : []),
    ...(schemas === '' ? [] : [`Schemas: ${schemas}.`]),
    ...(examples.length > 0
      ? [`\`\`\`sh\n${examples.map(([typed, purpose]) => `${typed}    # ${purpose}`).join('\n')}\n\`\`\``]
      : []),
  ].join('\n\n');
}

const link = (name: SchemaName): string => `[${name}](schemas/${name}.json)`;

const documentRows = (command: Command): string[][] =>
  Object.entries(documentsOf(command)).map(([options, name]) => [
    code(`${callOf(command)} ${options}`),
    link(name),
    SCHEMAS[name].title,
  ]);

const argumentRow = (argument: Argument): string[] => [
  code(argument.variadic ? `${argument.name()}…` : argument.name()),
  argument.description + choices(argument.argChoices) + initially(argument.defaultValue),
];

const optionRow = ({ flags, description, argChoices, defaultValue }: Option): string[] => [
  code(flags),
  description + choices(argChoices) + initially(defaultValue),
];

const choices = (allowed: readonly string[] | undefined): string =>
  allowed ? `; one of ${allowed.join(', ')}` : '';

const initially = (value: unknown): string =>
  ['string', 'number'].includes(typeof value) ? `; default ${String(value)}` : '';

const code = (text: string): string => `\`${text}\``;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

const cell = (text: string): string => text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');

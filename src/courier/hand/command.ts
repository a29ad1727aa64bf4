/** Pure: the files that tell run.sh what a command is, in the shell's own syntax. */

/** A process to run in the task container. */
export interface Command {
  /** The program by its absolute path, and its arguments. */
  argv: string[];
  /** Name or number, perhaps with `:group`. */
  user: string;
  workdir: string;
  /** Variables on top of the container's. */
  env: Record<string, string>;
  /** A program that must be there, because `argv[0]` is a script that names it. */
  interpreter?: string;
  /** `argv` is to be run by the image's bash, else its sh, else busybox. */
  shell?: boolean;
  /** File in the task container for stdout, and for stderr where that has none of its own; default: the container's own stdout. */
  stdout?: string;
  stderr?: string;
  /** File for the exit code where it is not 0. */
  exitFile?: string;
  /** The agent begins: what runs before it is the image’s, what it leaves running is its own. */
  agent?: boolean;
}

/** Names that a shell can export. */
export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A text as one word of the shell. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const assignments = (fields: Record<string, string | undefined>): string[] =>
  Object.entries(fields).flatMap(([name, value]) => (value ? [`_${name}=${quote(value)}`] : []));

/** Sets run.sh's variables and, where given, its positional parameters. */
export const script = (fields: Record<string, string | undefined>, words: string[] = []): string =>
  [...assignments(fields), ['set --', ...words.map(quote)].join(' '), ''].join('\n');

/** The file `command`. */
export function commandFile(command: Command): string {
  const { argv, user, workdir, interpreter, shell, stdout, stderr, exitFile, agent } = command;
  return script(
    {
      user,
      workdir,
      interpreter,
      stdout,
      stderr,
      exitfile: exitFile,
      shell: shell ? 'yes' : undefined,
      agent: agent ? 'yes' : undefined,
      home: command.env['HOME'],
    },
    argv,
  );
}

/** The file `env`, which run.sh reads as the last thing before it becomes the command. Names must match VARIABLE_NAME. */
export const envFile = ({ env }: Pick<Command, 'env'>): string =>
  [...Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`), ''].join('\n');

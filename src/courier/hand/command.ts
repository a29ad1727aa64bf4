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
  /** `argv` is to be run by the image's bash, else its sh. */
  shell?: boolean;
  /** File in the task container for stdout, and for stderr where that has none of its own; default: the container's own stdout. */
  stdout?: string;
  stderr?: string;
  /** File for the exit code where it is not 0. */
  exitFile?: string;
  /** The agent begins: what runs before it is the image’s, what it leaves running is its own. */
  agent?: boolean;
}

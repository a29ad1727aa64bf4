/** `sb sandbox exec` and `shell`: a command in a Sandbox, connected to this terminal. */
import type { SandboxCommand } from '../../client/sandbox/commands/command.ts';
import { attachSandbox, type SandboxEnvironment } from '../../client/sandbox/environment.ts';
import type { CommandExit, CommandOptions } from '../../client/sandbox/types.ts';
import { CliError } from '../../client/failures/error.ts';
import type { Session } from '../../client/session/types.ts';
import { quoted, safe } from '../../text/safe.ts';
import type { Io, Streams } from '../types.ts';
import { madeSafe } from './safe-output.ts';

interface ExecOptions extends CommandOptions {
  io: Io;
  sandbox: string;
  command: string | readonly string[];
  /** A terminal in the Sandbox: keys go there one by one, Ctrl-C and Ctrl-Z too. */
  tty: boolean;
  /** What is typed or piped here goes there. */
  input: boolean;
}

/** As `timeout` says it. */
const TIMED_OUT = 124;
const INTERRUPTED = 130;

/** The image's bash, else its sh, as at a login. */
export const LOGIN_SHELL = 'if command -v bash >/dev/null 2>&1; then exec bash -l; else exec sh -l; fi';

/** Runs it to its end; resolves to its exit code. Rejects with a SandboxError where that is not known. */
export async function exec(session: Session, options: ExecOptions): Promise<number> {
  const { io, sandbox, tty } = options;
  if (tty && !io.terminal.input) throw noTerminal(sandbox);
  const environment = attachSandbox(session, sandbox, {
    signal: io.signal,
    onProgress: ({ reason, message }) => io.terminal.err(`${safe(`${reason}: ${message}`)}\n`),
  });
  return attend(environment, options);
}

/** The same, wherever that leads; closes it. */
export async function attend(
  place: Pick<SandboxEnvironment, 'startCommand' | 'close'>,
  options: Omit<ExecOptions, 'sandbox'>,
): Promise<number> {
  const { io, command, tty, input, ...rest } = options;
  try {
    const size = { rows: io.terminal.rows(), columns: io.terminal.columns() };
    const { TERM } = io.env;
    const running = await place.startCommand(command, {
      ...rest,
      stdin: tty || input,
      ...(tty && { pty: size, env: { ...(TERM && { TERM }), ...rest.env } }),
    });
    return await (tty ? onTerminal(running, io) : onPipes(running, { io, input }));
  } finally {
    place.close();
  }
}

const codeOf = ({ exitCode, timedOut }: CommandExit): number => (timedOut ? TIMED_OUT : exitCode);

/** stdout and stderr apart. Ctrl-C ends the command with all of its session. */
async function onPipes(running: SandboxCommand, { io, input }: { io: Io; input: boolean }): Promise<number> {
  const { stdin, stdout, stderr } = io.streams;
  const isSafe = io.terminal.outIsTTY;
  let isInterrupted = false;
  const forget = io.onInterrupt(() => {
    isInterrupted = true;
    running.end().catch(() => {});
  });
  if (input) stdin.pipe(running.stdin);
  try {
    const [exit] = await Promise.all([
      running.exited,
      copied(running.stdout, { to: stdout, isSafe }),
      copied(running.stderr, { to: stderr, isSafe: io.terminal.isTTY }),
    ]);
    return isInterrupted ? INTERRUPTED : codeOf(exit);
  } finally {
    forget();
    letGo(stdin, running);
  }
}

/** Whatever ends it, the terminal is as it was. */
async function onTerminal(running: SandboxCommand, io: Io): Promise<number> {
  const { stdin, stdout } = io.streams;
  const resize = (): void => running.resize({ rows: io.terminal.rows(), columns: io.terminal.columns() });
  const stop = Promise.withResolvers<number>();
  // Ctrl-C is a key here: whoever is told to end was told from elsewhere.
  const forget = io.onInterrupt(() => stop.resolve(INTERRUPTED));
  stdin.setRawMode?.(true);
  stdout.on('resize', resize);
  stdin.pipe(running.stdin);
  try {
    const all = Promise.all([running.exited, copied(running.stdout, { to: stdout, isSafe: false })]);
    running.stderr.resume();
    const ended = await Promise.race([all.then(([exit]) => codeOf(exit)), stop.promise]);
    if (ended === INTERRUPTED) running.kill('SIGHUP');
    return ended;
  } finally {
    stdin.setRawMode?.(false);
    stdout.off('resize', resize);
    forget();
    letGo(stdin, running);
  }
}

/** Nobody reads what is typed any more, and the process may end. */
function letGo(stdin: Streams['stdin'], running: SandboxCommand): void {
  stdin.unpipe(running.stdin);
  stdin.pause();
}

/** Writes everything, no faster than it is taken; `isSafe`: made harmless for a terminal. */
async function copied(
  from: AsyncIterable<Buffer>,
  { to, isSafe }: { to: NodeJS.WritableStream; isSafe: boolean },
): Promise<void> {
  for await (const chunk of isSafe ? madeSafe(from) : from)
    if (!to.write(chunk)) await new Promise<void>((resolve) => to.once('drain', resolve));
}

const noTerminal = (sandbox: string): CliError =>
  new CliError('SB-E095', {
    what: `cannot open a terminal in Sandbox ${sandbox}`,
    why: 'stdin or stderr is no terminal, or --no-input was given',
    fix: `sb sandbox exec ${quoted(sandbox)} -- <command>    (without -t)`,
  });

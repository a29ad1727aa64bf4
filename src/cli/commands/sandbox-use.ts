/** Commands that enter a Sandbox. */
import { Command } from 'commander';
import {
  duration,
  examples,
  inCluster,
  several,
  withCluster,
  type Cli,
  type ClusterOptions,
  type InCluster,
} from './command.ts';

export const NAME = 'name of the Sandbox';

interface ExecFlags extends ClusterOptions {
  tty?: boolean;
  stdin?: boolean;
  user?: string;
  cwd?: string;
  env?: string[];
  timeout?: string;
}

const withCommandOptions = (command: Command): Command =>
  command
    .option('--user <user>', 'as this user, name or number (default: the Sandbox’s)')
    .option('--cwd <directory>', 'in this directory (default: the Sandbox’s)')
    .option('-e, --env <KEY[=VALUE]>', 'variable; without a value: of this shell; repeatable', several);

/** `sb sandbox exec` */
export const exec = (cli: Cli): Command =>
  examples(
    withCommandOptions(withCluster(new Command('exec')))
      .description(
        'Runs a command in a Sandbox and exits with its exit code. Bytes go to a pipe or file as they are; for a terminal they are made safe, unless -t is given. Ctrl-C ends the command.',
      )
      .argument('<sandbox>', NAME)
      .argument('<command...>', 'program and its arguments, after --')
      .option('-i, --stdin', 'hand it what is typed or piped here')
      .option('-t, --tty', 'on a terminal in the Sandbox: keys go there, Ctrl-C too')
      .option('--timeout <duration>', 'end it after, such as 30m, and exit with 124', duration)
      .action(
        inCluster(
          cli,
          () => Promise.all([import('../sandbox/exec.ts'), import('../sandbox/wish.ts')]),
          async (
            { session, options, arguments: [sandbox, command] }: InCluster<ExecFlags, [string, string[]]>,
            [{ exec: run }, { commandWish }],
          ) => {
            const { tty = false, stdin: input = false } = options;
            return run(session, {
              ...commandWish(options, cli.io.env),
              io: cli.io,
              sandbox,
              command,
              tty,
              input,
            });
          },
        ),
      ),
    [
      ['sb sandbox exec box -- make test', 'one command'],
      ['tar -c src | sb sandbox exec -i box -- tar -x -C /app', 'with input'],
      ['sb sandbox exec -t box -- python3', 'on a terminal'],
    ],
  );

/** `sb sandbox shell` */
export const shell = (cli: Cli): Command =>
  examples(
    withCommandOptions(withCluster(new Command('shell')))
      .description(
        'Opens a shell in a Sandbox, on a terminal of its own: its bash, or else its sh. What it prints reaches your terminal as it is.',
      )
      .argument('<sandbox>', NAME)
      .action(
        inCluster(
          cli,
          () => Promise.all([import('../sandbox/exec.ts'), import('../sandbox/wish.ts')]),
          async (
            { session, options, arguments: [sandbox] }: InCluster<ExecFlags, [string]>,
            [{ exec: run, LOGIN_SHELL: command }, { commandWish }],
          ) =>
            run(session, {
              ...commandWish(options, cli.io.env),
              io: cli.io,
              sandbox,
              command,
              tty: true,
              input: true,
            }),
        ),
      ),
    [
      ['sb sandbox shell box', 'look around'],
      ['sb sandbox shell box --user 0', 'as root'],
    ],
  );

/** `sb sandbox cp` */
export const copy = (cli: Cli): Command =>
  examples(
    withCluster(new Command('cp'))
      .description(
        'Copies files and folders to a Sandbox or from it; one of both paths is <sandbox>:<path>, and - is stdin or stdout. The contents of a folder are put into the other folder. What a Sandbox sends comes to lie nowhere but there; links that lead out of the folder are left out.',
      )
      .argument('<from>', 'path, or <sandbox>:<path>')
      .argument('<to>', 'path, or <sandbox>:<path>')
      .option('--user <user>', 'with this user’s rights (default: the Sandbox’s)')
      .action(
        inCluster(
          cli,
          () => import('../sandbox/copy.ts'),
          async (
            { session, options: { user }, arguments: [from, to] }: InCluster<ExecFlags, [string, string]>,
            { copy: copied },
          ) => copied(session, { io: cli.io, from, to, ...(user !== undefined && { user }) }),
        ),
      ),
    [
      ['sb sandbox cp ./src box:/app/src', 'a folder to a Sandbox'],
      ['sb sandbox cp box:/app/out ./out', 'and back'],
      ['sb sandbox cp box:/var/log/app.log - | grep error', 'a file to stdout'],
    ],
  );

/** `sb sandbox port-forward` */
export const portForward = (cli: Cli): Command =>
  examples(
    withCluster(new Command('port-forward'))
      .description(
        'Lets programs of this machine connect to ports of a Sandbox, on 127.0.0.1 alone, until Ctrl-C. They lead to the Sandbox’s own localhost, and to no other host.',
      )
      .argument('<sandbox>', NAME)
      .argument(
        '<port...>',
        'port in the Sandbox, or local:remote; without a number before the colon, any free one',
      )
      .option('--user <user>', 'whose the connections are in the Sandbox (default: the Sandbox’s)')
      .action(
        inCluster(
          cli,
          () => import('../sandbox/port-forward.ts'),
          async (
            {
              session,
              options: { user },
              arguments: [sandbox, ports],
            }: InCluster<ClusterOptions & { user?: string }, [string, string[]]>,
            { portForward: forward, portPair },
          ) =>
            forward(session, {
              io: cli.io,
              sandbox,
              ports: ports.map((text) => portPair(text, sandbox)),
              ...(user !== undefined && { user }),
            }),
        ),
      ),
    [
      ['sb sandbox port-forward box 8080', 'curl http://127.0.0.1:8080 reaches the server in the Sandbox'],
      ['sb sandbox port-forward box 18080:8080 5432', 'two ports, one under another number'],
      ['sb sandbox port-forward box :8080', 'under any free number, which it prints'],
    ],
  );

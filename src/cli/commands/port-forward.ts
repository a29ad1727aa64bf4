import { Command } from 'commander';
import {
  examples,
  inCluster,
  withCluster,
  type Cli,
  type ClusterOptions,
  type InCluster,
} from './command.ts';

/** `sb sandbox port-forward` */
export const portForward = (cli: Cli): Command =>
  examples(
    withCluster(new Command('port-forward'))
      .description(
        'Lets programs of this machine connect to ports of a Sandbox, on 127.0.0.1 alone, until Ctrl-C. They lead to the Sandbox’s own localhost, and to no other host.',
      )
      .argument('<sandbox>', 'name of the Sandbox')
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

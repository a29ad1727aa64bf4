import { Command } from 'commander';
import type { Versions } from '../../client/documents/cluster.ts';
import { safeLine } from '../../text/safe.ts';
import type { OutputFormat } from '../types.ts';
import { examples, withCluster, withOutput, type Cli, type ClusterOptions } from './command.ts';

interface Options extends ClusterOptions {
  client: boolean;
  output: OutputFormat;
}

/** `sb version` */
export const version = ({ io, finish }: Cli): Command =>
  examples(
    withOutput(withCluster(new Command('version')), { '-o json': 'version' }, ['table', 'json', 'yaml'])
      .description('Prints the versions of sb, the operator, the custom resources and Kubernetes.')
      .option('--client', 'print only the version of sb, without asking the cluster', false)
      .action(async ({ client, output, ...options }: Options) => {
        const [{ versionsOf }, { printDocument }] = await Promise.all([
          import('../../client/session/versions.ts'),
          import('../render/output.ts'),
        ]);
        const versions = await versionsOf(client ? undefined : options, io);
        // Three, as wherever a cluster cannot be reached.
        if (!client && versions.kubernetes === undefined) finish(3);
        if (output === 'json' || output === 'yaml') return printDocument(io.terminal, output, versions);
        io.terminal.out(versionLines(versions));
        for (const problem of versions.problems) io.terminal.err(`${safeLine(problem)}\n`);
      }),
    [
      ['sb version', 'of everything that must match'],
      ['sb version --client', 'of sb only; needs no cluster'],
      ['sb version -o json', 'for programs'],
    ],
  );

/** A line for each version that is known. */
function versionLines({ client, operator, customResources, kubernetes }: Versions): string {
  const resources =
    customResources &&
    `${customResources.served.join(', ') || 'none'}${customResources.current ? '' : ' (not those of this sb)'}`;
  const lines = { sb: client, operator, 'custom resources': resources, kubernetes };
  return Object.entries(lines)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(17)} ${safeLine(value)}\n`]))
    .join('');
}

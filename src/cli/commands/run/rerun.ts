import { Command } from 'commander';
import {
  DEED,
  examples,
  several,
  withCluster,
  withOutput,
  type Cli,
  type ClusterOptions,
  type OutputOptions,
} from '../command.ts';
import { runIn, withRun } from './options.ts';

interface Options extends ClusterOptions, OutputOptions {
  last?: true;
  only?: string[];
  runName?: string;
}

/** `sb run rerun` */
export const rerun = ({ io }: Cli): Command =>
  examples(
    withCluster(withOutput(withRun(new Command('rerun')), { '-o json': 'run-rerun' }, DEED))
      .description(
        'Runs Trials of a run again, as a new run <run>-r1, -r2, …, with the same tasks, agents and variables. A command that was interrupted goes on where it was when it is given again; a finished rerun is followed by the next.',
      )
      .option(
        '--only <which>',
        'infra, error=<reason or exception>, or reward with < <= > >= = and a number; repeatable (default: all)',
        several,
      )
      .option('--run-name <name>', 'name of the new run')
      .action(async (wanted: string, { output, only = [], runName, ...options }: Options) => {
        const [{ withSession }, { rerun: runAgain }, { printRerun }, { namespaceToSay }] = await Promise.all([
          import('../../../client/session/session.ts'),
          import('../../runs/rerun/rerun.ts'),
          import('../../runs/report/print.ts'),
          import('../../../client/session/namespace.ts'),
        ]);
        const { signal } = io;
        const wish = { run: runIn(wanted, options), only, signal, ...(runName !== undefined && { runName }) };
        await withSession(options, io, async (session) => {
          const done = await runAgain(session, wish);
          await printRerun(io.terminal, output, { done, namespace: namespaceToSay(session) });
        });
      }),
    [
      ['sb run rerun nightly --only infra', 'what was lost to cluster, node, builder or store'],
      ['sb run rerun nightly --only error=OOMKilled', 'by reason or exception'],
      ["sb run rerun nightly --only 'reward<0.5'", 'by reward'],
    ],
  );

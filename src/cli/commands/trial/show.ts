import { Command } from 'commander';
import {
  examples,
  withCluster,
  withOutput,
  type Cli,
  type ClusterOptions,
  type OutputOptions,
} from '../command.ts';
import { trialIn, withTrial } from './options.ts';

interface Options extends ClusterOptions, OutputOptions {
  last?: true;
}

/** `sb trial show` */
export const show = ({ io }: Cli): Command =>
  examples(
    withCluster(withOutput(withTrial(new Command('show')), { '-o json': 'trial-show' }))
      .description('Shows a Trial: state, reward, phases, attempts, image, and where its files and log are.')
      .action(async (wanted: string, { output, ...options }: Options) => {
        const [{ withSession }, { resolveTrial }, { showTrial }] = await Promise.all([
          import('../../../client/session/session.ts'),
          import('../../../client/runs/find/trial.ts'),
          import('../../trials/show.ts'),
        ]);
        await withSession(options, io, async (session) => {
          const trial = await resolveTrial(session, trialIn(wanted, options));
          await showTrial(io.terminal, { trial, format: output, now: io.now() });
        });
      }),
    [
      ['sb trial show', 'the latest'],
      ['sb trial show hello-oracle-1a2b -o wide', 'with its conditions'],
    ],
  );

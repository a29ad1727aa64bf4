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

/** `sb trial explain` */
export const explain = ({ io }: Cli): Command =>
  examples(
    withCluster(
      withOutput(withTrial(new Command('explain')), { '-o json': 'trial-explain' }, [
        'table',
        'json',
        'yaml',
        'jsonl',
        'name',
      ]),
    )
      .description(
        'Says in a few lines why a Trial is where it is, by its conditions, build, Job, Pod, node, events and log, and what to do next.',
      )
      .action(async (wanted: string, { output, ...options }: Options) => {
        const [
          { withSession },
          { resolveTrial },
          { logSources },
          { gather },
          { explainTrial },
          { printExplanation },
          { namespaceToSay },
        ] = await Promise.all([
          import('../../../client/session/session.ts'),
          import('../../../client/runs/find/trial.ts'),
          import('../../trials/log.ts'),
          import('../../../client/diagnosis/explain/gather.ts'),
          import('../../../client/diagnosis/explain/explain.ts'),
          import('../../trials/explain.ts'),
          import('../../../client/session/namespace.ts'),
        ]);
        await withSession(options, io, async (session) => {
          const trial = await resolveTrial(session, trialIn(wanted, options));
          const evidence = await gather(session, trial, { sources: logSources(session), signal: io.signal });
          const explanation = explainTrial(evidence, namespaceToSay(session));
          await printExplanation(io.terminal, explanation, output);
        });
      }),
    [
      ['sb trial explain', 'the latest'],
      ['sb trial explain hello-oracle-1a2b', 'why does it wait, or why did it fail?'],
    ],
  );

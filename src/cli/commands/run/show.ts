import { Command } from 'commander';
import type { TrialState } from '../../../results/state-names.ts';
import {
  examples,
  withCluster,
  withOutput,
  type Cli,
  type ClusterOptions,
  type OutputOptions,
} from '../command.ts';
import { runIn, withRun, withStates } from './options.ts';

interface Options extends ClusterOptions, OutputOptions {
  last?: true;
  state?: TrialState[];
}

/** `sb run show` */
export const show = ({ io }: Cli): Command =>
  examples(
    withCluster(
      withOutput(withStates(withRun(new Command('show'))), {
        '-o json': 'run-show',
        '-o jsonl': 'run-trial',
      }),
    )
      .description('Shows a run: counts and rewards, errors grouped by class, and its Trials.')
      .action(async (wanted: string, { output, state = [], last, ...options }: Options) => {
        const [{ withSession }, { resolveRun }, { trialsOf }, { showRun }, { namespaceToSay }] =
          await Promise.all([
            import('../../../client/session/session.ts'),
            import('../../../client/runs/find/runs.ts'),
            import('../../../client/runs/find/runs.ts'),
            import('../../runs/report/show.ts'),
            import('../../../client/session/namespace.ts'),
          ]);
        await withSession(options, io, async (session) => {
          const run = await resolveRun(session, runIn(wanted, { ...(last && { last }) }));
          const trials = await trialsOf(session, run);
          const { namespace } = session;
          await showRun(io.terminal, {
            run,
            namespace,
            trials,
            now: io.now(),
            states: state,
            sayNamespace: namespaceToSay(session),
            format: output,
          });
        });
      }),
    [
      ['sb run show', 'the latest'],
      ['sb run show nightly --state lost --state failed', 'what has to be looked at'],
      ['sb run show @latest -o json', 'for programs'],
    ],
  );

import { Command, Option } from 'commander';
import type { TrialState } from '../../../results/state-names.ts';
import type { LogPhase } from '../../../client/logs/parts.ts';
import { examples, withCluster, type Cli, type ClusterOptions } from '../command.ts';
import { wholeNumber } from '../values.ts';
import { runIn, withRun, withStates } from './options.ts';

interface Options extends ClusterOptions {
  last?: true;
  state?: TrialState[];
  phase?: LogPhase;
  tail?: number;
  follow: boolean;
}

/** `sb run logs` */
export const logs = ({ io }: Cli): Command =>
  examples(
    withCluster(withStates(withRun(new Command('logs'))))
      .description(
        'Prints the logs of a run’s Trials, each line with its Trial’s name before it: from the Pod while it runs, afterwards from the store, as long as its files are there.',
      )
      .addOption(new Option('--phase <phase>', 'only this phase').choices(['build', 'agent', 'verifier']))
      .option('--tail <lines>', 'only so many lines of each file', wholeNumber)
      .option('-f, --follow', 'go on until the run is over, with each log as soon as there is one', false)
      .action(async (wanted: string, { state = [], phase, tail, follow, last, ...options }: Options) => {
        const [{ withSession }, { printRunLogs }] = await Promise.all([
          import('../../../client/session/session.ts'),
          import('../../runs/logs.ts'),
        ]);
        const wish = { follow, ...(phase && { phase }), ...(tail !== undefined && { tail }) };
        const run = runIn(wanted, { ...(last && { last }) });
        await withSession(options, io, (session) => printRunLogs(session, { io, run, states: state, wish }));
      }),
    [
      ['sb run logs --state failed --phase verifier --tail 20', 'why the tests said no'],
      ['sb run logs nightly --phase agent -f', 'what all agents do now'],
      ['sb run logs nightly | grep -i error', 'one word in all of them'],
    ],
  );

import { Command, Option } from 'commander';
import type { LogPhase } from '../../../client/logs/parts.ts';
import { examples, withCluster, type Cli, type ClusterOptions } from '../command.ts';
import { wholeNumber } from '../values.ts';
import { trialIn, withTrial } from './options.ts';

interface Options extends ClusterOptions {
  last?: true;
  phase?: LogPhase;
  tail?: number;
  follow: boolean;
}

/** `sb trial logs` */
export const logs = ({ io }: Cli): Command =>
  examples(
    withCluster(withTrial(new Command('logs')))
      .description(
        'Prints the log of a Trial, without control sequences: from its Pod while it runs, afterwards from the store, as long as its files are there.',
      )
      .addOption(new Option('--phase <phase>', 'only this phase').choices(['build', 'agent', 'verifier']))
      .option('--tail <lines>', 'only so many lines of each file', wholeNumber)
      .option('-f, --follow', 'wait for its container, and go on until that ends', false)
      .action(async (wanted: string, { phase, tail, follow, ...options }: Options) => {
        const [{ withSession }, { resolveTrial }, { logSources, printLog }, { whenLogged }, { safeLine }] =
          await Promise.all([
            import('../../../client/session/session.ts'),
            import('../../../client/runs/find/trial.ts'),
            import('../../trials/log.ts'),
            import('../../../client/logs/parts.ts'),
            import('../../../text/safe.ts'),
          ]);
        const { signal } = io;
        const wish = { follow, signal, ...(phase && { phase }), ...(tail !== undefined && { tail }) };
        await withSession(options, io, async (session) => {
          const found = await resolveTrial(session, trialIn(wanted, options));
          const say = (text: string): void => io.terminal.err(`${safeLine(text)}\n`);
          const trial = follow ? await whenLogged(session, found, { wish, say }) : found;
          await printLog(io.terminal, { trial, sources: logSources(session), wish });
        });
      }),
    [
      ['sb trial logs hello-oracle-1a2b', 'everything but the build'],
      ['sb trial logs hello-oracle-1a2b --phase agent -f', 'what the agent does now'],
      ['sb trial logs hello-oracle-1a2b --phase build', 'how its image was built'],
    ],
  );

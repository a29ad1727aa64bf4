/** What commands on runs have in common. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { STATE_NAMES, type TrialState } from '../../../results/state-names.ts';
import { collecting, several } from '../command.ts';

export const withRun = (command: Command): Command =>
  command
    .argument('[run]', 'name of the run, its unique beginning, or @latest (default: @latest)', '@latest')
    .option('--last', 'the run that was created last, as @latest');

/** The run that is meant; `--last` goes before a name. */
export const runIn = (run: string, { last }: { last?: true }): string => (last ? '@latest' : run);

export const withStates = (command: Command): Command =>
  command.addOption(
    new Option('--state <state>', 'only Trials in this state; repeatable').argParser(
      collecting((value: string, before: TrialState[] | undefined) => {
        const found = STATE_NAMES.find((state) => state === value);
        if (!found) throw new InvalidArgumentError(`expected one of ${STATE_NAMES.join(', ')}`);
        return several(found, before) as TrialState[];
      }),
    ),
  );

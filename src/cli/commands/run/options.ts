/** What commands on runs have in common. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { TrialState } from '../../follow/state.ts';
import { several } from '../command.ts';

/** As in follow/state.ts, whose import here would load what `--help` does not need. */
const STATES: readonly TrialState[] = [
  'queued',
  'building',
  'pending',
  'pulling',
  'running',
  'verifying',
  'retrying',
  'suspended',
  'passed',
  'failed',
  'lost',
  'cancelled',
];

export const withRun = (command: Command): Command =>
  command
    .argument('[run]', 'name of the run, its unique beginning, or @latest (default: @latest)', '@latest')
    .option('--last', 'the run that was created last, as @latest');

/** The run that is meant; `--last` goes before a name. */
export const runIn = (run: string, { last }: { last?: true }): string => (last ? '@latest' : run);

export const withStates = (command: Command): Command =>
  command.addOption(
    new Option('--state <state>', 'only Trials in this state; repeatable').argParser(
      (value: string, before: TrialState[] | undefined) => {
        const found = STATES.find((state) => state === value);
        if (!found) throw new InvalidArgumentError(`expected one of ${STATES.join(', ')}`);
        return several(found, before) as TrialState[];
      },
    ),
  );

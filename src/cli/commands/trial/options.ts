import type { Command } from 'commander';

export const withTrial = (command: Command): Command =>
  command
    .argument('[trial]', 'name of the Trial, its unique beginning, or @latest (default: @latest)', '@latest')
    .option('--last', 'the Trial that was created last, as @latest');

/** The Trial that is meant; `--last` goes before a name. */
export const trialIn = (trial: string, { last }: { last?: true }): string => (last ? '@latest' : trial);

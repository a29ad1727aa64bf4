import { Argument, Command } from 'commander';
import type { Shell } from '../complete/complete.ts';
import { examples, type Cli } from './command.ts';

/** `sb completion` */
export const completion = ({ io }: Cli): Command =>
  examples(
    new Command('completion')
      .description(
        'Prints a script that completes commands, options, and names of runs and Trials in your shell.',
      )
      .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
      .action(async (shell: Shell) => {
        const { SCRIPTS } = await import('../complete/complete.ts');
        io.terminal.out(SCRIPTS[shell]);
      }),
    [
      ['source <(sb completion bash)', 'in ~/.bashrc'],
      ['source <(sb completion zsh)', 'in ~/.zshrc, after compinit'],
      ['sb completion fish | source', 'in ~/.config/fish/config.fish'],
    ],
  );

/** What the scripts of `sb completion` ask at every Tab; `--` and the words typed so far come after it. */
export const complete = ({ io }: Cli): Command => {
  const command = new Command('__complete').argument('[words...]').action(async (words: string[]) => {
    const { answer, clusterIn } = await import('../complete/complete.ts');
    const root = command.parent ?? command;
    const lines = await answer(root, words, async (names, typed) => {
      const { namesOf } = await import('../complete/names.ts');
      return namesOf(names, clusterIn(typed), io);
    });
    io.terminal.out(lines.map((line) => `${line}\n`).join(''));
  });
  return command;
};

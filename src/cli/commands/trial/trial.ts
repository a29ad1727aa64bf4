import { Command } from 'commander';
import { examples, type Cli } from '../command.ts';
import { cancel } from './cancel.ts';
import { debug } from './debug.ts';
import { explain } from './explain.ts';
import { logs } from './logs.ts';
import { show } from './show.ts';

/** `sb trial` */
export const trial = (cli: Cli): Command =>
  examples(
    new Command('trial')
      .description(
        'Looks after single Trials. A Trial is named by its name, its unique beginning, or @latest.',
      )
      .addCommand(show(cli))
      .addCommand(logs(cli))
      .addCommand(explain(cli))
      .addCommand(cancel(cli))
      .addCommand(debug(cli)),
    [['sb trial explain hello-oracle-1a2b', 'why is it where it is?']],
  );

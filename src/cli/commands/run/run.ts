import { Command } from 'commander';
import { examples, type Cli } from '../command.ts';
import { attach } from './attach.ts';
import { cancel } from './cancel.ts';
import { remove } from './delete.ts';
import { reindex } from './reindex.ts';
import { download } from './download.ts';
import { logs } from './logs.ts';
import { ls } from './ls.ts';
import { rerun } from './rerun.ts';
import { show } from './show.ts';

/** `sb run` */
export const runs = (cli: Cli): Command =>
  examples(
    new Command('run')
      .description('Looks after runs. A run is named by its name, its unique beginning, or @latest.')
      .addCommand(ls(cli))
      .addCommand(show(cli))
      .addCommand(attach(cli))
      .addCommand(logs(cli))
      .addCommand(download(cli))
      .addCommand(cancel(cli))
      .addCommand(rerun(cli))
      .addCommand(reindex(cli))
      .addCommand(remove(cli)),
    [
      ['sb run ls', 'which runs are there?'],
      ['sb run show', 'how is the latest?'],
    ],
  );

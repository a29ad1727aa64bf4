import { Command } from 'commander';
import { examples, type Cli } from '../command.ts';
import { check } from './check.ts';
import { hash } from './hash.ts';
import { pack } from './pack.ts';

/** `sb task` */
export const task = (cli: Cli): Command =>
  examples(
    new Command('task')
      .description('Looks at task folders on this machine; needs no cluster.')
      .addCommand(check(cli))
      .addCommand(hash(cli))
      .addCommand(pack(cli)),
    [['sb task check examples/tasks', 'what is wrong with these tasks?']],
  );

import { Command } from 'commander';
import { examples, type Cli } from '../command.ts';
import { run } from './run.ts';

/** `sb cloud` */
export const cloud = (cli: Cli): Command =>
  examples(new Command('cloud').description('Runs tasks in a cluster.').addCommand(run(cli)), [
    ['sb cloud run -t examples/tasks', 'run these tasks'],
  ]);

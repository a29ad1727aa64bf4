import { Command, Option } from 'commander';
import type { OutputFormat } from '../../types.ts';
import { examples, several, withOutput, type Cli } from '../command.ts';

interface Options {
  strict: boolean;
  json?: true;
  select?: string[];
  extendSelect?: string[];
  ignore?: string[];
  output: OutputFormat;
}

/** `sb task check` */
export const check = ({ io, finish }: Cli): Command =>
  examples(
    withOutput(new Command('check'), { '-o json': 'task-check' }, ['table', 'json', 'yaml', 'jsonl'])
      .description(
        'Finds all problems of all tasks below the paths in one run. Errors are what cannot be run; warnings are what the rules of Harbor’s lint advise against, under their names, and sources of COPY that are not there. Exits with 1 where there are errors.',
      )
      .argument('<path...>', 'task folders, or folders of tasks at any depth')
      .option('--strict', 'every rule, and warnings fail as errors do', false)
      .option(
        '--select <rule>',
        'this rule instead of the usual ones, and it fails; repeatable; ALL is all',
        several,
      )
      .option('--extend-select <rule>', 'this rule too, and it fails; repeatable; ALL is all', several)
      .option('--ignore <rule>', 'not this rule; repeatable', several)
      .addOption(new Option('--json', 'the same as -o json').conflicts('output'))
      .action(async (paths: string[], { json, output, ...options }: Options) => {
        const [{ assertRules }, { checkTasks }, { printReport }] = await Promise.all([
          import('../../../client/tasks.ts'),
          import('../../../tasks/check/check.ts'),
          import('../../render/report.ts'),
        ]);
        assertRules(options);
        const report = await checkTasks(paths, { ...options, cwd: io.cwd });
        await printReport(io.terminal, json ? 'json' : output, report);
        if (report.failed) finish(1);
      }),
    [
      ['sb task check examples/tasks', 'all tasks in there'],
      ['sb task check --strict tasks', 'as a CI job would'],
      ['sb task check --select unpinned-image tasks', 'one rule'],
      ['sb task check --ignore shared-verifier --json tasks', 'for programs'],
    ],
  );

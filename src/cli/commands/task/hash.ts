import { Command } from 'commander';
import type { HashedTask } from '../../../client/documents/task.ts';
import type { Listing } from '../../render/output.ts';
import type { OutputFormat } from '../../types.ts';
import { examples, withOutput, type Cli } from '../command.ts';

/** `sb task hash` */
export const hash = ({ io }: Cli): Command =>
  examples(
    withOutput(new Command('hash'), { '-o json': 'task-hash' })
      .description(
        'Prints the version that each task has: made of its files alone, the same on every machine.',
      )
      .argument('<path...>', 'task folders')
      .action(async (paths: string[], { output }: { output: OutputFormat }) => {
        const [{ hashed, leftOutNote, readEach }, { printListing }] = await Promise.all([
          import('../../../client/tasks.ts'),
          import('../../render/output.ts'),
        ]);
        const { tasks, failure } = await readEach(paths, io.cwd);
        const note = leftOutNote(tasks.map(({ task }) => task));
        if (note !== undefined) io.terminal.err(`${note}\n`);
        const rows = tasks.map(({ task, path }) => hashed(task, path));
        // One that is none keeps nobody from the others; where there are no others there is nothing to print.
        if (failure && rows.length === 0) throw failure;
        await printListing(io.terminal, output, hashListing(rows));
        if (failure) throw failure;
      }),
    [
      ['sb task hash examples/tasks/hello', 'name and version'],
      ['sb task hash -o wide tasks/*', 'whole hashes, and Harbor’s digest'],
      ['sb task hash -o name tasks/*', 'one <name>@<version> a line'],
    ],
  );

const hashListing = (rows: readonly HashedTask[]): Listing<HashedTask> => ({
  rows,
  columns: [
    { header: 'name', value: ({ name }) => name },
    { header: 'version', value: ({ task_version: version }) => version },
    { header: 'path', value: ({ path }) => path },
    { header: 'task hash', value: (row) => row.task_hash, wide: true },
    { header: 'environment hash', value: (row) => row.environment_hash, wide: true },
    { header: 'harbor digest', value: ({ harbor_digest: digest }) => digest, wide: true },
  ],
  name: ({ task_id: id }) => id,
});

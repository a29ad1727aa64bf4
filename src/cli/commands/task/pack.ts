import { Command } from 'commander';
import type { OutputFormat } from '../../types.ts';
import { DEED, examples, withOutput, type Cli } from '../command.ts';

/** `sb task pack` */
export const pack = ({ io }: Cli): Command =>
  examples(
    withOutput(new Command('pack'), { '-o json': 'task-pack' }, DEED)
      .description(
        'Writes what an upload would send: task.zip, metadata.json and, for a task that is built, context.zip. The same task gives the same bytes everywhere.',
      )
      .argument('<path>', 'task folder')
      .option('--to <folder>', 'where to; made if it is not there', '.')
      .action(async (path: string, { to, output }: { to: string; output: OutputFormat }) => {
        const [{ leftOutNote, packTo, readOne }, { printListing }] = await Promise.all([
          import('../../../client/tasks.ts'),
          import('../../render/output.ts'),
        ]);
        const selected = await readOne(path, io.cwd);
        const note = leftOutNote([selected]);
        if (note !== undefined) io.terminal.err(`${note}\n`);
        const packed = await packTo(selected.task, { folder: to, cwd: io.cwd });
        await printListing(io.terminal, output === 'table' ? 'name' : output, {
          rows: packed.files,
          columns: [],
          name: (file) => file,
          document: () => packed,
        });
      }),
    [['sb task pack examples/tasks/hello --to out', 'prints the files that it wrote']],
  );

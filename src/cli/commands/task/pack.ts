import { Command } from 'commander';
import { examples, type Cli } from '../command.ts';

/** `sb task pack` */
export const pack = ({ io }: Cli): Command =>
  examples(
    new Command('pack')
      .description(
        'Writes what an upload would send: task.zip, metadata.json and, for a task that is built, context.zip. The same task gives the same bytes everywhere.',
      )
      .argument('<path>', 'task folder')
      .option('--to <folder>', 'where to; made if it is not there', '.')
      .action(async (path: string, { to }: { to: string }) => {
        const [{ packTo }, { leftOutNote, readOne }] = await Promise.all([
          import('../../tasks/pack.ts'),
          import('../../tasks/read.ts'),
        ]);
        const selected = await readOne(path, io.cwd);
        const note = leftOutNote([selected]);
        if (note !== undefined) io.terminal.err(`${note}\n`);
        const files = await packTo(selected.task, { folder: to, cwd: io.cwd });
        io.terminal.out(files.map((file) => `${file}\n`).join(''));
      }),
    [['sb task pack examples/tasks/hello --to out', 'prints the files that it wrote']],
  );

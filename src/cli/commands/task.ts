import { Command, Option } from 'commander';
import type { HashedTask, PushedTask } from '../../client/documents/task.ts';
import type { SelectedTask } from '../../client/runs/select/select.ts';
import type { Listing } from '../render/output.ts';
import type { OutputFormat } from '../types.ts';
import {
  DEED,
  examples,
  inCluster,
  several,
  withCluster,
  withOutput,
  type Cli,
  type ClusterOptions,
  type InCluster,
  type OutputOptions,
} from './command.ts';

interface CheckOptions {
  strict: boolean;
  integrity: boolean;
  json?: true;
  select?: string[];
  extendSelect?: string[];
  ignore?: string[];
  output: OutputFormat;
}

/** `sb task check` */
const check = ({ io, finish }: Cli): Command =>
  examples(
    withOutput(new Command('check'), { '-o json': 'task-check' }, ['table', 'json', 'yaml', 'jsonl'])
      .description(
        'Finds all problems of all tasks below the paths. Errors keep a task from running. Warnings come from the rules of Harbor’s lint, under the same names, and from COPY sources that do not exist. Exits with 1 if there are errors.',
      )
      .argument('<path...>', 'task folders, or folders of tasks at any depth')
      .option('--strict', 'enable every rule and treat warnings as errors', false)
      .addOption(
        new Option(
          '--integrity',
          'check instead what each task lets an agent do to its reward; each message says what closes that. What tasks select and ignore does not count',
        )
          .default(false)
          .conflicts('select'),
      )
      .option(
        '--select <rule>',
        'use this rule instead of the default ones, as an error; repeatable; ALL selects all rules',
        several,
      )
      .option(
        '--extend-select <rule>',
        'also use this rule, as an error; repeatable; ALL selects all rules',
        several,
      )
      .option('--ignore <rule>', 'ignore this rule; repeatable', several)
      .addOption(new Option('--json', 'the same as -o json').conflicts('output'))
      .action(async (paths: string[], { json, output, ...options }: CheckOptions) => {
        const [{ assertRules }, { checkTasks }, { printReport }] = await Promise.all([
          import('../../client/tasks/local.ts'),
          import('../../tasks/check/check.ts'),
          import('../render/report.ts'),
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
      ['sb task check --integrity tasks', 'could a reward be faked?'],
      ['sb task check --integrity --strict -o jsonl tasks', 'the same, and fail if so'],
      ['sb task check --ignore shared-verifier --json tasks', 'for programs'],
    ],
  );

/** `sb task hash` */
const hash = ({ io }: Cli): Command =>
  examples(
    withOutput(new Command('hash'), { '-o json': 'task-hash' })
      .description('Prints the version of each task, a hash of its files that is the same on every machine.')
      .argument('<path...>', 'task folders')
      .action(async (paths: string[], { output }: { output: OutputFormat }) => {
        const [{ hashed, leftOutNote, readEach }, { printListing }] = await Promise.all([
          import('../../client/tasks/local.ts'),
          import('../render/output.ts'),
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

/** `sb task pack` */
const pack = ({ io }: Cli): Command =>
  examples(
    withOutput(new Command('pack'), { '-o json': 'task-pack' }, DEED)
      .description(
        'Writes the files of an upload: task.zip, metadata.json and, for each image that is built, its context. The same task gives the same bytes on every machine.',
      )
      .argument('<path>', 'task folder')
      .option('--to <folder>', 'folder to write to; created if it does not exist', '.')
      .action(async (path: string, { to, output }: { to: string; output: OutputFormat }) => {
        const [{ leftOutNote, packTo, readOne }, { printListing }] = await Promise.all([
          import('../../client/tasks/local.ts'),
          import('../render/output.ts'),
        ]);
        const selected = await readOne(path, io.cwd);
        const note = leftOutNote([selected]);
        if (note !== undefined) io.terminal.err(`${note}\n`);
        const packed = await packTo(selected, { folder: to, cwd: io.cwd });
        await printListing(io.terminal, output === 'table' ? 'name' : output, {
          rows: packed.files,
          columns: [],
          name: (file) => file,
          document: () => packed,
        });
      }),
    [['sb task pack examples/tasks/hello --to out', 'prints the files that it wrote']],
  );

const pushListing = (rows: readonly PushedTask[]): Listing<PushedTask> => ({
  rows,
  columns: [
    { header: 'name', value: ({ name }) => name },
    { header: 'version', value: (row) => row.task_version },
    { header: 's3 uri', value: (row) => row.s3_task_uri },
    { header: 'result', value: ({ result }) => result, wide: true },
    { header: 'bytes', value: ({ bytes }) => String(bytes), wide: true },
  ],
  name: ({ task_id: id }) => id,
});

/** `sb task push` */
const push = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('push'), { '-o json': 'task-push' }))
      .description(
        'Stores tasks in the bucket of the installation without running them: a Trial that names the S3 URI and an agent needs nothing else. Skips versions that are already stored.',
      )
      .argument('<path...>', 'task folders, or folders of tasks at any depth')
      .action(
        inCluster(
          cli,
          () =>
            Promise.all([
              import('../../client/tasks/push.ts'),
              import('../../client/tasks/local.ts'),
              import('../render/output.ts'),
            ]),
          async (
            { session, options, arguments: [paths] }: InCluster<ClusterOptions & OutputOptions, [string[]]>,
            [{ pushTasks }, { leftOutNote }, { printListing }],
          ) => {
            const { cwd, signal, terminal } = cli.io;
            const onTasks = (tasks: readonly SelectedTask[]): void => {
              const note = leftOutNote(tasks);
              if (note !== undefined) terminal.err(`${note}\n`);
            };
            const pushed = await pushTasks(session, { paths, cwd, signal, onTasks });
            await printListing(terminal, options.output, pushListing(pushed));
          },
        ),
      ),
    [
      ['sb task push examples/tasks/hello', 'name, version and S3 URI'],
      ['sb task push tasks', 'all tasks in there; those that are stored are skipped'],
      ['sb task push -o json tasks | jq -r .[].s3_task_uri', 'for manifests in Git'],
    ],
  );

/** `sb task` */
export const task = (cli: Cli): Command =>
  examples(
    new Command('task')
      .description('Looks at task folders on this machine, and stores them in the bucket.')
      .addCommand(check(cli))
      .addCommand(hash(cli))
      .addCommand(pack(cli))
      .addCommand(push(cli)),
    [['sb task check examples/tasks', 'what is wrong with these tasks?']],
  );

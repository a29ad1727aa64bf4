import { Command, InvalidArgumentError, Option } from 'commander';
import { resolve } from 'node:path';
import { safeLine } from '../../text/safe.ts';
import type { OutputFormat } from '../types.ts';
import { examples, wholeNumber, withCluster, withOutput, type Cli, type ClusterOptions } from './command.ts';

interface Options extends ClusterOptions {
  jobsDir: string;
  writeProbe: boolean;
  scaleTest?: number;
  output: OutputFormat;
}

const SOMETHING_IS_WRONG = 3;
/** What the nodes for them cost is bounded by it. */
const MOST_PODS = 200;

function podCount(text: string): number {
  const pods = wholeNumber(text);
  if (pods < 1 || pods > MOST_PODS)
    throw new InvalidArgumentError(`expected a number of Pods from 1 to ${MOST_PODS}`);
  return pods;
}

/** `sb doctor` */
export const doctor = ({ io, finish }: Cli): Command =>
  examples(
    withOutput(withCluster(new Command('doctor')), { '-o json': 'doctor' }, ['table', 'json', 'yaml'])
      .description(
        'Checks everything that a run depends on: cluster, permissions, operator, broker, store, registry, room, disk and clock; on AWS also quotas, roles and what they may do, logs and the way to S3. Reports problems and how to fix them; changes nothing, but for what --write-probe and --scale-test make and take away. Exits with 3 if it finds a problem.',
      )
      .option('--jobs-dir <folder>', 'folder to which results are copied', 'jobs')
      .option('--write-probe', 'also write, read and delete an object in the store', false)
      .addOption(
        new Option(
          '--scale-test [pods]',
          'also make so many Pods of a default Trial’s size (default: 20), to see which nodes come for them, how long that takes, and that they go again; on a cloud the nodes cost',
        )
          .preset('20')
          .argParser(podCount),
      )
      .action(async ({ output, jobsDir, scaleTest, ...options }: Options) => {
        const [{ diagnose }, { printDiagnosis }] = await Promise.all([
          import('../../client/diagnosis/doctor/diagnose.ts'),
          import('../render/doctor.ts'),
        ]);
        const say = (line: string): void => io.terminal.err(`${safeLine(line)}\n`);
        // What the test has made is taken away before the process ends.
        const listening = scaleTest === undefined ? () => {} : io.onInterrupt(() => {});
        const diagnosis = await diagnose(
          {
            ...options,
            jobsDir: resolve(io.cwd, jobsDir),
            ...(scaleTest !== undefined && { scale: { pods: scaleTest, say, signal: io.signal } }),
          },
          io,
        ).finally(listening);
        await printDiagnosis(io.terminal, output, diagnosis);
        if (!diagnosis.fine) finish(SOMETHING_IS_WRONG);
      }),
    [
      ['sb doctor', 'can Trials run in the current context and namespace?'],
      ['sb doctor -n agents --write-probe', 'also: may I write to the store?'],
      ['sb doctor -n agents --scale-test 50', 'do nodes come for 50 Trials, and how fast?'],
      ['sb doctor -o json', 'for programs'],
    ],
  );

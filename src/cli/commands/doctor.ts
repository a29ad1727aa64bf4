import { Command } from 'commander';
import { resolve } from 'node:path';
import type { OutputFormat } from '../types.ts';
import { examples, withCluster, withOutput, type Cli, type ClusterOptions } from './command.ts';

interface Options extends ClusterOptions {
  jobsDir: string;
  writeProbe: boolean;
  output: OutputFormat;
}

const SOMETHING_IS_WRONG = 3;

/** `sb doctor` */
export const doctor = ({ io, finish }: Cli): Command =>
  examples(
    withOutput(withCluster(new Command('doctor')), { '-o json': 'doctor' }, ['table', 'json', 'yaml'])
      .description(
        'Checks everything that a run depends on: cluster, permissions, operator, broker, store, registry, room, disk and clock; on AWS also quotas, roles, logs and the way to S3. Reports problems and how to fix them; changes nothing. Exits with 3 if it finds a problem.',
      )
      .option('--jobs-dir <folder>', 'folder to which results are copied', 'jobs')
      .option('--write-probe', 'also write, read and delete an object in the store', false)
      .action(async ({ output, jobsDir, ...options }: Options) => {
        const [{ diagnose }, { printDiagnosis }] = await Promise.all([
          import('../../client/diagnosis/doctor/diagnose.ts'),
          import('../render/doctor.ts'),
        ]);
        const diagnosis = await diagnose({ ...options, jobsDir: resolve(io.cwd, jobsDir) }, io);
        await printDiagnosis(io.terminal, output, diagnosis);
        if (!diagnosis.fine) finish(SOMETHING_IS_WRONG);
      }),
    [
      ['sb doctor', 'can Trials run in the current context and namespace?'],
      ['sb doctor -n agents --write-probe', 'also: may I write to the store?'],
      ['sb doctor -o json', 'for programs'],
    ],
  );

/** Runs the commands of docs/aws-walk.md against the AWS of the tests, and writes what they print into the page. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { recorded } from '../../support/console-page.ts';
import type { Aws } from '../../support/aws/index.ts';
import { ensureAwsTools, paths, s3, up } from '../cluster/index.ts';
import { deployLocal, deployOn, openAws } from './account.ts';
import { startShell, type Shell } from './shell.ts';

const PAGE = join(paths.root, 'docs/aws-walk.md');
/** The page's objects in the page's namespace, so that every recording begins without them. */
const CLEAN = [
  'kubectl create namespace agents --dry-run=client -o yaml | kubectl apply -f -',
  'kubectl -n agents delete trial,configmap hello hello-again hello-task --ignore-not-found',
  'kubectl -n agents delete taskbuild --all',
];

const environment = ({ env }: Aws, bin: string): Record<string, string> => ({
  ...env,
  PATH: [paths.bin, bin, process.env['PATH']].join(delimiter),
  HOME: tmpdir(),
  KUBECONFIG: paths.kubeconfig,
  AWS_DEFAULT_REGION: s3.region,
  AWS_ENDPOINT_URL_S3: s3.endpoint,
  AWS_ACCESS_KEY_ID: s3.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  AWS_PAGER: '',
});

async function record(shell: Shell): Promise<void> {
  const page = await recorded(await readFile(PAGE, 'utf8'), (command) => {
    process.stdout.write(`$ ${command.split('\n')[0]}\n`);
    return shell.run(command);
  });
  await writeFile(PAGE, page);
}

async function main(): Promise<void> {
  await up();
  const { bin } = await ensureAwsTools();
  const aws = await openAws();
  const folder = await mkdtemp(join(tmpdir(), 'sb-walk-'));
  const shell = startShell(folder, environment(aws, bin));
  try {
    await deployOn(aws);
    for (const command of CLEAN) await shell.run(command);
    await record(shell);
    for (const command of CLEAN) await shell.run(command);
  } finally {
    shell.end();
    await deployLocal();
    await aws.close();
    await rm(folder, { recursive: true, force: true });
  }
}

await main();

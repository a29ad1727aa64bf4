/** Python programs of the tests against AWS, in environments of their own in the harness's cache. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canInstall } from '../../../support/can-install.ts';
import { installPackages } from '../machine/packages.ts';
import { digest, paths } from '../machine/paths.ts';
import { run, succeeds } from '../machine/process.ts';
import { step } from '../machine/progress.ts';

const folderOf = join(paths.root, 'test/support/aws');
const COMPLETE = 'complete';

/** `moto`: moto and the aws command. `stacks`: with what looks at templates besides, cfn-lint, which is 150 MB more. */
const ENVIRONMENTS = { moto: ['requirements.txt'], stacks: ['requirements.txt', 'requirements-stacks.txt'] };
type Environment = keyof typeof ENVIRONMENTS;

const filesOf = (environment: Environment): string[] =>
  ENVIRONMENTS[environment].map((file) => join(folderOf, file));

/** Holds `bin/moto_server`, `bin/aws`, and in `stacks` `bin/cfn-lint`; its name has moto's version, so that the newest sorts last. */
function pythonFolder(environment: Environment): string {
  const wanted = filesOf(environment)
    .map((file) => readFileSync(file, 'utf8'))
    .join('');
  const moto = /^moto==(.+)$/m.exec(wanted)?.[1];
  return join(paths.cache, `python-${environment}-${moto}-${digest(wanted)}`);
}

export const hasPython = (environment: Environment = 'moto'): boolean =>
  existsSync(join(pythonFolder(environment), COMPLETE));

/** Installs them where they are missing: once, half a minute, or more for `stacks`. */
export async function ensurePython(environment: Environment = 'moto'): Promise<string> {
  const folder = pythonFolder(environment);
  if (!hasPython(environment))
    await step(`Python packages (${environment})`, () => install(folder, filesOf(environment)));
  return folder;
}

// Programs of a virtual environment name its place: it is made where it stays, and complete when it says so.
async function install(folder: string, files: string[]): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(paths.cache, { recursive: true });
  const python = await findPython();
  await run(python, ['-m', 'venv', folder]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check'];
  await run(join(folder, 'bin/python'), [...pip, ...files.flatMap((file) => ['--requirement', file])]);
  const mark = join(folder, COMPLETE);
  writeFileSync(`${mark}.part`, '');
  renameSync(`${mark}.part`, mark);
}

const canMakeEnvironments = (python: string): Promise<boolean> =>
  succeeds(python, ['-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))']);

async function findPython(): Promise<string> {
  for (const python of ['python3', '/usr/bin/python3']) if (await canMakeEnvironments(python)) return python;
  if (canInstall()) {
    await installPackages(['python3-venv']);
    if (await canMakeEnvironments('/usr/bin/python3')) return '/usr/bin/python3';
  }
  throw new Error(
    'The tests against AWS need Python 3.10 or newer with venv and pip (Debian: python3-venv).',
  );
}

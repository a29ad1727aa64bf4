/** moto, the aws command and cfn-lint, in a Python environment of their own in the harness's cache. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canInstall } from '../../../support/can-install.ts';
import { installPackages } from '../machine/packages.ts';
import { digest, paths } from '../machine/paths.ts';
import { run, succeeds } from '../machine/process.ts';
import { step } from '../machine/progress.ts';

const requirements = join(paths.root, 'test/support/aws/requirements.txt');
const COMPLETE = 'complete';

/** Holds `bin/moto_server`, `bin/aws` and `bin/cfn-lint`; its name begins with moto's version, so that the newest sorts last. */
function pythonFolder(): string {
  const wanted = readFileSync(requirements, 'utf8');
  const moto = /^moto==(.+)$/m.exec(wanted)?.[1];
  return join(paths.cache, `python-moto-${moto}-${digest(wanted)}`);
}

export const hasPython = (): boolean => existsSync(join(pythonFolder(), COMPLETE));

/** Installs them where they are missing: once, about a minute. */
export async function ensurePython(): Promise<string> {
  const folder = pythonFolder();
  if (!hasPython()) await step('moto, aws and cfn-lint (Python)', () => install(folder));
  return folder;
}

// Programs of a virtual environment name its place: it is made where it stays, and complete when it says so.
async function install(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(paths.cache, { recursive: true });
  const python = await findPython();
  await run(python, ['-m', 'venv', folder]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check'];
  await run(join(folder, 'bin/python'), [...pip, '--requirement', requirements]);
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

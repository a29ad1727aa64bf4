/** Runs the phases of a build specification in its shell, by AWS's phase transitions. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PhaseFailure, type BuildSession, type ContainerPhase } from '../executor.ts';
import type { ExportedVariable } from '../model.ts';
import type { Buildspec, PhaseSpec, SpecPhase } from './buildspec.ts';
import type { Shell } from './shell.ts';

export interface Workplace {
  shell: Shell;
  spec: Buildspec;
  session: BuildSession;
  note: (text: string) => void;
  folder: string;
  /** Names that are never exported: those of secrets. */
  secrets: string[];
}

const TYPES: Record<SpecPhase, ContainerPhase> = {
  install: 'INSTALL',
  pre_build: 'PRE_BUILD',
  build: 'BUILD',
  post_build: 'POST_BUILD',
};

/** The failure of the first command that does not succeed; the commands after it are not run. */
async function runAll(
  { shell, session, note }: Workplace,
  commands: string[],
): Promise<PhaseFailure | undefined> {
  for (const command of commands) {
    note(`Running command ${command}`);
    const status = await shell.run(command, !session.failing());
    if (status === 0) continue;
    note(`Command did not exit successfully ${command} exit status ${status}`);
    const message = `Error while executing command: ${command}. Reason: exit status ${status}`;
    return new PhaseFailure('COMMAND_EXECUTION_ERROR', message);
  }
  return undefined;
}

/** The exported variables as they stand. AWS exports neither secrets nor what starts with AWS_. */
async function exported({ shell, spec, folder, secrets }: Workplace): Promise<ExportedVariable[]> {
  const names = spec.exported.filter((name) => !secrets.includes(name) && !name.startsWith('AWS_'));
  const file = join(folder, 'exported');
  const print = names.map(
    (name) => `if [ -n "\${${name}+set}" ]; then printf '%s=%s\\0' ${name} "\$${name}"; fi`,
  );
  await shell.run(`{ ${[...print, ':'].join('; ')}; } > '${file}'`, true);
  const pairs = (await readFile(file, 'utf8')).split('\0').filter((pair) => pair !== '');
  return pairs.map((pair) => {
    const [name = '', ...value] = pair.split('=');
    return { name, value: value.join('=') };
  });
}

async function work(workplace: Workplace, phase: PhaseSpec): Promise<void> {
  const failure = await runAll(workplace, phase.commands);
  const last = await runAll(workplace, phase.finally);
  if (workplace.spec.exported.length > 0) workplace.session.exportVariables(await exported(workplace));
  const first = failure ?? last;
  if (first) throw first;
}

/** True where the build goes on after this failed phase. */
const goesOn = (name: SpecPhase, { onFailure }: PhaseSpec): boolean =>
  onFailure ? onFailure === 'CONTINUE' : name === 'build' || name === 'post_build';

export async function runPhases(workplace: Workplace): Promise<void> {
  const { session, spec } = workplace;
  for (const [name, phase] of Object.entries(spec.phases) as [SpecPhase, PhaseSpec][]) {
    const succeeded = await session.phase(TYPES[name], () => work(workplace, phase));
    if (!succeeded && !goesOn(name, phase)) return;
  }
  await session.phase('UPLOAD_ARTIFACTS', async () => {});
}

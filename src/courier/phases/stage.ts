/** Puts parts of the task into the task container, no sooner than their phase begins. */
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AttemptFailure } from '../failure.ts';
import type { Hand } from '../hand/hand.ts';
import { CONTAINER } from '../task/steps.ts';
import type { ReadyTask } from '../task/ready-task.ts';

/** `/solution`, for the oracle alone. */
export async function stageSolution(hand: Hand, task: ReadyTask): Promise<void> {
  await stage(hand, { from: join(task.folder, 'solution'), script: 'solve.sh', to: CONTAINER.solution });
}

/** `/tests`, after everything that the agent left there and in the verifier's logs is gone. */
export async function stageTests(hand: Hand, task: ReadyTask): Promise<void> {
  await stage(hand, {
    from: join(task.folder, 'tests'),
    script: 'test.sh',
    to: CONTAINER.tests,
    clear: CONTAINER.verifierLogs,
  });
}

async function stage(
  hand: Hand,
  { from, script, to, clear }: { from: string; script: string; to: string; clear?: string },
): Promise<void> {
  const fill = async (folder: string): Promise<void> => {
    await cp(from, folder, { recursive: true });
    await chmod(join(folder, script), 0o755);
  };
  if (await hand.stage(fill, to, clear)) return;
  throw new AttemptFailure('CourierFailed', `${to} could not be made in the task container; see its log`);
}

/** Where a custom agent finds its scripts and its instruction: on the control volume, which it can only read. */
export async function writeAgentFiles(
  control: string,
  { instruction, install, run }: { instruction: string; install?: string | undefined; run: string },
): Promise<void> {
  const folder = join(control, 'agent');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'instruction.md'), instruction, { mode: 0o644 });
  await writeFile(join(folder, 'run'), run, { mode: 0o755 });
  if (install !== undefined) await writeFile(join(folder, 'install'), install, { mode: 0o755 });
}

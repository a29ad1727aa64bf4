/** Puts parts of the task into the task container, no sooner than their phase begins. */
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AttemptFailure, VerifierObstructed } from '../failure.ts';
import type { Ground, Hand } from '../hand/hand.ts';
import { CONTAINER } from '../task/steps.ts';
import type { ReadyTask } from '../task/ready-task.ts';

/** `/solution`, for the oracle alone. */
export async function stageSolution(hand: Hand, task: ReadyTask): Promise<void> {
  const { done } = await hand.stage(filling(task, 'solution', 'solve.sh'), { to: CONTAINER.solution });
  if (!done)
    throw new AttemptFailure(
      'CourierFailed',
      `${CONTAINER.solution} could not be made in the task container; see its log`,
    );
}

/**
 * The verifier's ground, `/tests` and its logs, made anew. Resolves the number of processes that the agent has left running; throws
 * VerifierObstructed where the container does not let it be made.
 */
export async function stageTests(hand: Hand, task: ReadyTask, ground: Omit<Ground, 'to'>): Promise<number> {
  const { done, background } = await hand.stage(filling(task, 'tests', 'test.sh'), {
    ...ground,
    to: CONTAINER.tests,
    verifier: true,
  });
  if (!done)
    throw new VerifierObstructed(
      `${CONTAINER.tests} and /logs/verifier could not be made in the task container`,
    );
  return background;
}

const filling =
  (task: ReadyTask, part: string, script: string) =>
  async (folder: string): Promise<void> => {
    await cp(join(task.folder, part), folder, { recursive: true });
    await chmod(join(folder, script), 0o755);
  };

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

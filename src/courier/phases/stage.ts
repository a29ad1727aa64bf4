/** Puts parts of the task into the task container, no sooner than their phase begins. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AttemptFailure, VerifierObstructed } from '../failure.ts';
import type { Ground, Hand } from '../hand/hand.ts';
import { Refused } from '../hand/sbd/stream.ts';
import { CONTAINER, type Seeds } from '../task/steps.ts';
import type { ReadyTask } from '../task/ready-task.ts';

/** Puts files of the task into the working directory. Throws TaskInvalid where they do not fit what the image has there. */
export async function placeSeeds(hand: Hand, { from, to }: Seeds): Promise<void> {
  try {
    await hand.place(from, to);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const message = `the files of environment/ cannot be put into ${to}: ${error.message}`;
    throw new AttemptFailure('TaskInvalid', message, { cause: error });
  }
}

/** `/solution`, for an agent that works from it. */
export async function stageSolution(hand: Hand, task: ReadyTask): Promise<void> {
  const from = join(task.folder, 'solution');
  const { done } = await hand.stage({ from, script: 'solve.sh', to: CONTAINER.solution });
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
export async function stageTests(hand: Hand, task: ReadyTask, ground: Ground): Promise<number> {
  const tests = { from: join(task.folder, 'tests'), script: 'test.sh', to: CONTAINER.tests };
  const { done, background } = await hand.stage(tests, { ...ground, verifier: true });
  if (!done)
    throw new VerifierObstructed(
      `${CONTAINER.tests} and /logs/verifier could not be made in the task container`,
    );
  return background;
}

/** Puts the agent's files where it can read them: on the control volume, which only the courier can write. Those with a suffix are no scripts. */
export async function writeAgentFiles(control: string, files: Record<string, string>): Promise<void> {
  const folder = join(control, 'agent');
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder, name), text, { mode: name.includes('.') ? 0o644 : 0o755 });
}

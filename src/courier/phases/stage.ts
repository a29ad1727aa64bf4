/** Puts parts of the task into the task container, no sooner than their phase begins. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AttemptFailure, VerifierObstructed } from '../failure.ts';
import type { Ground, Hand, StageResult } from '../hand/hand.ts';
import { demandPlace, exitText, interpreterMissing } from './agent.ts';
import { Refused } from '../../hand/stream.ts';
import { CONTAINER } from '../task/sequence.ts';
import type { Seeds, Workdir } from '../task/sequence.ts';

/** Puts files of the task into the working directory. Throws TaskInvalid where they do not fit what the image has there. */
export async function placeSeeds(hand: Hand, seeds: Seeds): Promise<void> {
  try {
    await hand.place(seeds);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const message = `the files of environment/ cannot be put into ${seeds.to}: ${error.message}`;
    throw new AttemptFailure('TaskInvalid', message, { cause: error });
  }
}

/** `/solution`, for an agent that works from it; `from`: folder of the task. */
export async function stageSolution(hand: Hand, from: string): Promise<void> {
  const { done } = await hand.stage({ from, script: 'solve.sh', to: CONTAINER.solution });
  if (!done)
    throw new AttemptFailure(
      'CourierFailed',
      `${CONTAINER.solution} could not be made in the task container; see its log`,
    );
}

/** Nothing of it remains for who comes after the agent. */
export async function unstageSolution(hand: Hand): Promise<void> {
  if (!(await hand.empty([CONTAINER.solution])))
    throw new VerifierObstructed(`${CONTAINER.solution} could not be emptied in the task container`);
}

/**
 * The verifier's ground, `/tests` and its logs, made anew of folders of the task. Resolves what runs on beside it; throws VerifierObstructed where the container does not let it be made.
 */
export async function stageTests(
  hand: Hand,
  folders: string[],
  ground: Ground,
): Promise<Omit<StageResult, 'done'>> {
  const tests = { from: await overlaid(folders), script: 'test.sh', to: CONTAINER.tests };
  const { done, ...beside } = await hand.stage(tests, { ...ground, verifier: true });
  if (!done)
    throw new VerifierObstructed(
      `${CONTAINER.tests} and /logs/verifier could not be made in the task container`,
    );
  return beside;
}

/** One folder with the files of all, a later one's over an earlier one's; the same for each step, or the disk would fill. Throws TaskInvalid where a file is to lie in place of a folder. */
async function overlaid([first = '', ...others]: string[]): Promise<string> {
  if (others.length === 0) return first;
  const whole = `${first}.overlaid`;
  await rm(whole, { recursive: true, force: true });
  for (const folder of [first, ...others])
    await cp(folder, whole, { recursive: true, verbatimSymlinks: true }).catch(
      (error: NodeJS.ErrnoException) => {
        if (!error.code?.startsWith('ERR_FS_CP_')) throw error;
        throw new AttemptFailure('TaskInvalid', `${folder} does not fit over tests/: ${error.message}`, {
          cause: error,
        });
      },
    );
  return whole;
}

/** Puts a step's files into its working directory, and runs the script among them. Throws StepSetupFailed. */
export async function stageWorkdir(hand: Hand, { setup, ...files }: Workdir): Promise<void> {
  await hand.place(files).catch((error: unknown) => {
    if (!(error instanceof Refused)) throw error;
    if (error.reason === 'NoSpace') throw new VerifierObstructed(`no space is left in ${files.to}`);
    throw setupFailed(`its files could not be put into ${files.to}: ${error.message}`);
  });
  if (!setup) return;
  const ended = await hand.run(setup);
  demandPlace(ended, setup);
  if (ended.kind === 'refused') throw setupFailed(interpreterMissing(setup));
  if (ended.code !== 0) throw setupFailed(`its setup.sh ended with ${exitText(ended.code)}`);
}

const setupFailed = (message: string): AttemptFailure =>
  new AttemptFailure('StepSetupFailed', `the step could not be set up: ${message}`, {
    type: 'StepSetupError',
  });

/** Puts the agent's files where it can read them: on the control volume, which only the courier can write. Those with a suffix are no scripts. */
export async function writeAgentFiles(control: string, files: Record<string, string>): Promise<void> {
  const folder = join(control, 'agent');
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder, name), text, { mode: name.includes('.') ? 0o644 : 0o755 });
}

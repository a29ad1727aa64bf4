/** `sb cloud init`: what is there, what is missing, and making it. Everything that is known is asked of AWS and the cluster. */
import type { Change } from '../../../providers/stacks/port.ts';
import { ProviderError } from '../../../providers/errors.ts';
import type { Installation } from '../installation.ts';
import { stepsOf } from '../installation.ts';
import { phaseOf } from '../stacks/phase.ts';
import type { StackStep } from '../stacks/step.ts';
import type { CloudStep } from '../steps.ts';

/** How a step stands. */
export interface Standing {
  step: CloudStep;
  state: 'there' | 'missing' | 'differs' | 'at work';
}

/** Every stack, and whether anything has to be made. What is in the cluster is not asked while the stacks are not there. */
export async function survey(installation: Installation): Promise<Standing[]> {
  const { context } = installation;
  const stacks: Standing[] = [];
  for (const step of await installation.stackSteps())
    stacks.push({ step, state: await standing(step, installation) });
  const whole = stacks.every(({ state }) => state === 'there');
  const inside: Standing[] = [];
  for (const step of installation.inside.steps)
    inside.push({ step, state: whole && (await step.isDone(context)) ? 'there' : 'missing' });
  return [...stacks, ...inside];
}

async function standing(step: StackStep, { context }: Installation): Promise<Standing['state']> {
  const stack = await step.find(context);
  switch (phaseOf(stack)) {
    case 'ready':
      return (await step.isDone(context)) ? 'there' : 'differs';
    case 'busy':
    case 'going':
      return 'at work';
    default:
      return 'missing';
  }
}

/** What changes of a stack would be; or why that cannot be said yet. */
export interface Preview {
  step: StackStep;
  changes: readonly Change[];
  /** Instead of changes. */
  why?: string;
}

/** The change sets of all stacks: they are made, read and deleted again. */
export async function preview(installation: Installation): Promise<Preview[]> {
  const previews: Preview[] = [];
  for (const step of await installation.stackSteps()) {
    previews.push(
      await step.preview(installation.context).then(
        (changes = []) => ({ step, changes }),
        (error: unknown) => {
          if (!(error instanceof ProviderError && error.reason === 'PreconditionFailed')) throw error;
          return { step, changes: [], why: error.message };
        },
      ),
    );
  }
  return previews;
}

/** Makes what is missing, in order; whatever fails, the same call goes on from there. */
export async function makeAll(installation: Installation): Promise<void> {
  const { context } = installation;
  for (const step of await stepsOf(installation)) {
    context.signal.throwIfAborted();
    if (await step.isDone(context)) continue;
    context.say(`${step.name}: making it`);
    await step.make(context);
    context.say(`${step.name}: done`);
  }
}

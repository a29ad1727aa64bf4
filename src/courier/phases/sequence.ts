/** Runs the steps of a task in their order, and says what comes of them together. */
import { present } from '../../crds/present.ts';
import type { Outcome, StepOutcome } from '../../wire/outcome.ts';
import { meanReward } from '../reward/reward.ts';
import type { Way } from '../network/network.ts';
import type { ReadyTask } from '../task/ready-task.ts';
import type { Sequence } from '../task/steps.ts';
import { runStep } from './phases.ts';
import type { PhaseDeps, StepDeps } from './phases.ts';
import { totalUsage } from './usage.ts';

/** What came of one step or of all. */
export type Ending = Pick<Outcome, 'result' | 'exception' | 'usage'>;

export interface SequenceDeps extends PhaseDeps {
  network: Pick<Way, 'during'>;
  /** What an error that ended a step means. */
  endingOf: (error: unknown) => Ending;
}

/** Never throws. A step that failed is the last that runs. */
export async function runSteps(
  { steps }: Sequence,
  task: ReadyTask,
  deps: SequenceDeps,
): Promise<Ending & Pick<Outcome, 'steps'>> {
  const ran: Ending[] = [];
  const listed: StepOutcome[] = [];
  deps.timeline.lap();
  for (const [index, step] of steps.entries()) {
    const withNetworkOf: StepDeps['withNetworkOf'] = (phase, work) =>
      deps.network.during({ phase, step: index }, work);
    const ending = await runStep(step, task, { ...deps, withNetworkOf }).catch(deps.endingOf);
    ran.push(ending);
    if (step.name !== undefined) listed.push({ name: step.name, ...ending, timings: deps.timeline.lap() });
    if (ending.result.kind === 'failed') break;
  }
  return { ...together(ran), ...(listed.length > 0 && { steps: { ran: listed.length, listed } }) };
}

/** Pure: what steps come to. Of one alone it is what that came to. */
export function together(steps: Ending[]): Ending {
  const [only] = steps;
  if (only && steps.length === 1) return only;
  const exception = steps.find((step) => step.exception)?.exception;
  const usage = totalUsage(steps.flatMap((step) => step.usage ?? []));
  return { result: resultOf(steps.map(({ result }) => result)), ...present({ exception, usage }) };
}

function resultOf(results: Outcome['result'][]): Outcome['result'] {
  const last = results.at(-1);
  if (last?.kind === 'failed') return last;
  const rewarded = results.filter((result) => result.kind === 'rewarded');
  if (rewarded.length === 0) return { kind: 'unverified' };
  const mean = meanReward(rewarded.map(({ rewards }) => rewards));
  const obstructed = rewarded.find((result) => result.obstructed !== undefined)?.obstructed;
  return mean.kind === 'failed' ? mean : { ...mean, ...present({ obstructed }) };
}

/** Runs the steps of a task in their order, and says what comes of them together. */
import { totalUsage } from '../../agents/transcripts/usage.ts';
import { present } from '../../crds/present.ts';
import type { TrialFailedReason } from '../../crds/reasons.ts';
import type { Outcome, StepOutcome } from '../../wire/outcome.ts';
import { POD_PATHS } from '../../wire/pod-paths.ts';
import { VerifierObstructed } from '../failure.ts';
import { meanReward } from '../reward/reward.ts';
import type { Way } from '../network/network.ts';
import type { Sequence, Step } from '../task/sequence.ts';
import { lookBeforehand, type Prior } from './ground.ts';
import { runStep } from './phases.ts';
import type { PhaseDeps } from './surroundings.ts';

/** What came of one step or of all. */
export type Ending = Pick<Outcome, 'result' | 'exception' | 'usage'>;

export interface SequenceDeps extends PhaseDeps {
  network: Pick<Way, 'during'>;
  /** What an error that ended a step means. */
  endingOf: (error: unknown) => Ending;
  /** Stores what lies in /logs as the files of a step. */
  keep: (step: string) => Promise<void>;
  /** Runs one of them; default: its agent, and the judgement. */
  run?: typeof runStep;
}

/** Never throws. Of a step after which others do not run, `stopped` says why. */
export async function runSteps(
  { steps, rewardStrategy }: Sequence,
  deps: SequenceDeps,
): Promise<Ending & Pick<Outcome, 'steps'>> {
  const ran: Ending[] = [];
  const listed: StepOutcome[] = [];
  let looking: Promise<Prior[]> | undefined;
  let stopped: string | undefined;
  const { run = runStep } = deps;
  deps.timeline.lap();
  for (const [index, step] of steps.entries()) {
    if (step.name !== undefined) deps.note(`step ${index + 1} of ${steps.length}: ${step.name}`);
    const previous = steps[index - 1];
    const ending = await run(step, {
      ...deps,
      ...(previous && { leave: () => leave(previous, deps) }),
      withNetworkOf: (phase, work) => deps.network.during({ phase, step: index }, work),
      livesOn: index < steps.length - 1,
      prior: async () => (await (looking ??= lookBeforehand(steps, deps)))[index] ?? { agentUids: [] },
    }).catch(deps.endingOf);
    ran.push(ending);
    if (step.name !== undefined) listed.push({ name: step.name, ...ending, timings: deps.timeline.lap() });
    stopped = whyLast(step, ending);
    if (stopped !== undefined) break;
  }
  const skipped = steps.slice(ran.length).flatMap(({ name = '' }) => name);
  if (skipped.length > 0) deps.note(`${stopped}; not run: ${skipped.join(', ')}`);
  return {
    ...together(ran, { rewardStrategy, total: steps.length }),
    ...(listed.length > 0 && {
      steps: {
        ran: listed.length,
        listed,
        ...(skipped.length > 0 && { skipped, ...present({ stopped }) }),
      },
    }),
  };
}

/** Takes away what a step leaves that is not the next one's to see: its files are stored first. What runs in the container lives on. */
async function leave(
  { name = '', agent, verifier }: Step,
  { hand, findings, keep, services }: SequenceDeps,
): Promise<void> {
  if (!(await hand.halt()))
    findings.add(
      'ProcessNotStopped',
      'a process could not be halted while the files of a step were stored, and may have changed them',
    );
  await keep(name);
  if (!(await hand.empty([POD_PATHS.tests, POD_PATHS.logs])))
    throw new VerifierObstructed('/tests and /logs could not be emptied after a step');
  if (!(await hand.resume()))
    findings.add(
      'ProcessNotStopped',
      'processes went on before the files of a step were stored, and may have changed them',
    );
  await services?.goOn();
  if (agent && verifier && !verifier.place)
    findings.add(
      'AgentWentOn',
      'the agent went on after the verifier of a step, and could see what that left outside /tests and /logs',
    );
}

/** Why no step comes after this one; undefined where the next may run. As in Harbor, but for what a container obstructs. */
function whyLast({ name, minRewards = {} }: Step, { result, exception }: Ending): string | undefined {
  const step = `step ${name}`;
  if (result.kind === 'failed') return `${step} failed with ${result.reason}`;
  if (result.kind === 'unverified')
    return exception && `${step} was not judged, and its agent failed with ${exception.type}`;
  if (result.obstructed !== undefined) return `${step} was obstructed`;
  const below = Object.entries(minRewards).find(([key, least]) => !(ownOf(result.rewards, key) >= least));
  if (!below) return undefined;
  const [key, least] = below;
  return `${step} has the ${key} ${Object.hasOwn(result.rewards, key) ? result.rewards[key] : 'missing'}, below its least of ${least}`;
}

const ownOf = (rewards: Record<string, number>, key: string): number =>
  (Object.hasOwn(rewards, key) ? rewards[key] : undefined) ?? Number.NEGATIVE_INFINITY;

interface Whole extends Pick<Sequence, 'rewardStrategy'> {
  /** Steps of the task. */
  total: number;
}

/** Pure: what steps come to. Of one alone it is what that came to. */
export function together(steps: Ending[], whole: Whole): Ending {
  const [only] = steps;
  if (only && steps.length === 1) return only;
  const exception = steps.find((step) => step.exception)?.exception;
  const usage = totalUsage(steps.flatMap((step) => step.usage ?? []));
  const results = steps.map(({ result }) => result);
  return { result: resultOf(results, whole), ...present({ exception, usage }) };
}

function resultOf(results: Outcome['result'][], { rewardStrategy, total }: Whole): Outcome['result'] {
  const last = results.at(-1) ?? { kind: 'unverified' };
  const failsAll = last.kind === 'failed' && !OF_ONE_STEP.has(last.reason);
  return rewardStrategy === 'Final' || failsAll ? last : meanOf(results, { last, total });
}

function meanOf(
  results: Outcome['result'][],
  { last, total }: { last: Outcome['result']; total: number },
): Outcome['result'] {
  const rewarded = results.filter((result) => result.kind === 'rewarded');
  if (rewarded.length === 0) return last;
  const obstructed = last.kind === 'rewarded' ? last.obstructed : undefined;
  // Nobody gains by obstructing: what does not run for it counts 0.
  const lost = Array.from({ length: obstructed === undefined ? 0 : total - results.length }, () => ({}));
  const mean = meanReward([...rewarded.map(({ rewards }) => rewards), ...lost]);
  return mean.kind === 'failed' ? mean : { ...mean, ...present({ obstructed }) };
}

/** Failures of a step that leave the rewards of those before it what they are, as in Harbor. All others fail the Trial. */
const OF_ONE_STEP: ReadonlySet<TrialFailedReason> = new Set([
  'StepSetupFailed',
  'HealthcheckFailed',
  'VerifierTimeout',
  'RewardMissing',
  'RewardEmpty',
  'RewardUnparsable',
  'RewardNotFinite',
  'RewardInvalid',
  'OOMKilled',
]);

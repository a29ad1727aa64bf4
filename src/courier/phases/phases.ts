/** The order of things, Harbor's: surroundings, agent setup, agent, collection, verifier. */
import type { Outcome, Plan } from '../../crds/courier-protocol.ts';
import type { Exception, Phase } from '../../crds/trial-status.ts';
import type { Findings } from '../record/findings.ts';
import type { Hand } from '../hand/hand.ts';
import type { ReadyTask } from '../task/ready-task.ts';
import type { Limited, Step, Surroundings } from '../task/steps.ts';
import { demandPlace, runAgent, setUpAgent } from './agent.ts';
import { awaitHealthy } from './healthcheck.ts';
import { stageSolution, stageTests, writeAgentFiles } from './stage.ts';
import type { Timeline } from '../record/timeline.ts';
import { verify } from './verifier.ts';

export interface PhaseDeps {
  hand: Hand;
  findings: Findings;
  timeline: Timeline;
  note: (line: string) => void;
  stop: AbortSignal;
  paths: { control: string; logs: string };
}

/** The result of the steps, and what went wrong without ending them. */
export interface PhaseResult {
  result: Exclude<Outcome['result'], { kind: 'failed' }>;
  exception?: Exception & { phase: Phase };
}

/** Makes the container what the image means it to be. */
export async function prepareSurroundings(
  { entrypoint, healthcheck }: Surroundings,
  { hand, note, stop }: PhaseDeps,
): Promise<void> {
  if (entrypoint) {
    demandPlace(await hand.start(entrypoint), entrypoint);
    note(`entrypoint started: ${entrypoint.argv[0]}`);
  }
  if (healthcheck) await awaitHealthy(healthcheck, { hand, note, stop });
}

/** Runs one step: its agent, and the judgement. */
export async function runStep(
  step: Step,
  { plan, task }: { plan: Plan; task: ReadyTask },
  deps: PhaseDeps,
): Promise<PhaseResult> {
  const { hand, timeline, findings, note, paths } = deps;
  await timeline.during('agentSetup', () => setUp(step, { plan, task }, deps));
  const exception = await timeline.during('agentExecution', async () => {
    if (!step.agent) return undefined;
    if (step.agent.kind === 'oracle') await stageSolution(hand, task);
    return await runAgent(hand, step.agent);
  });
  if (exception) note(`${exception.type}: ${exception.message}`);
  const soFar = exception ? { exception: { ...exception, phase: 'agentExecution' as const } } : {};
  await collectArtifacts(step, deps);
  const { verifier } = step;
  if (!verifier) return { result: { kind: 'unverified' }, ...soFar };
  const verdict = await timeline.during('verifier', async () => {
    await stageTests(hand, task);
    return await verify(hand, verifier, paths.logs);
  });
  for (const finding of verdict.findings) findings.add(finding);
  return { result: { kind: 'rewarded', reward: verdict.reward, rewards: verdict.rewards }, ...soFar };
}

async function setUp(
  { setup }: Step,
  { plan: { agent }, task }: { plan: Plan; task: ReadyTask },
  { hand, paths }: PhaseDeps,
): Promise<void> {
  if (agent.run !== undefined)
    await writeAgentFiles(paths.control, {
      instruction: task.instruction ?? '',
      install: agent.install,
      run: agent.run,
    });
  if (setup) await setUpAgent(hand, setup);
}

async function collectArtifacts({ hooks, artifacts }: Step, { hand, note }: PhaseDeps): Promise<void> {
  for (const hook of hooks) await runHook(hook, hand, note);
  const failed = await hand.collect(artifacts);
  for (const position of failed)
    note(`artifact ${artifacts[position]?.source} could not be copied: it is missing or too large`);
}

/** A hook that fails costs what it would have collected, nothing else. */
async function runHook(
  { command, limitSeconds }: Limited,
  hand: Hand,
  note: PhaseDeps['note'],
): Promise<void> {
  const ended = await hand.run(command, limitSeconds);
  if (ended.kind === 'refused') note(`a collect hook could not start: no such ${ended.refusal}`);
  else if (ended.timedOut) note(`a collect hook did not end within ${limitSeconds} s`);
  else if (ended.code !== 0) note(`a collect hook ended with exit code ${ended.code}`);
}

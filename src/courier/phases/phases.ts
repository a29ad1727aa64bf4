/** The order of things, Harbor's: surroundings, agent setup, agent, collection, verifier. */
import type { NetworkPhase } from '../../wire/network.ts';
import type { Outcome } from '../../wire/outcome.ts';
import { present } from '../../crds/present.ts';
import { VerifierObstructed } from '../failure.ts';
import { HandGone } from '../hand/hand.ts';
import type { ModelSeen } from '../model-proxy/proxy.ts';
import type { Exception, Phase, Usage } from '../../crds/trial-status.ts';
import type { Hand } from '../hand/hand.ts';
import type { Step } from '../task/sequence.ts';
import { runAgent, setUpAgent } from './agent.ts';
import { judgeApart, partFromAgent } from './apart.ts';
import { awaitHealthy } from './healthcheck.ts';
import { collectArtifacts, collectFromServices } from './artifacts.ts';
import { prepareGround, type Prior } from './ground.ts';
import { stageSolution, stageWorkdir, unstageSolution, writeAgentFiles } from './stage.ts';
import type { PhaseDeps } from './surroundings.ts';
import { believed, isReplaced, reportOf, troubleOf, withLastLine, type AgentSaid } from './report.ts';
import { verify } from './verifier.ts';

/** What a step needs to know of the others. */
export interface StepDeps extends PhaseDeps {
  /** Does the work of a phase of this step with the network of that phase. */
  withNetworkOf: <T>(phase: NetworkPhase, work: () => Promise<T>) => Promise<T>;
  /** Takes leave of the step before; missing for the first. */
  leave?: () => Promise<void>;
  /** Others follow: the environment lives on. */
  livesOn: boolean;
  /** What was known before the first agent began. */
  prior: () => Promise<Prior>;
}

/** The result of a step, and what went wrong without ending it. */
export interface PhaseResult {
  result: Exclude<Outcome['result'], { kind: 'failed' }>;
  exception?: Exception & { phase: Phase };
  usage?: Usage;
}

/** Runs one step: its agent, and the judgement. */
export async function runStep(step: Step, deps: StepDeps): Promise<PhaseResult> {
  const { timeline, leave, withNetworkOf } = deps;
  const whole = async (): Promise<Worked> => {
    await timeline.during('agentSetup', async () => {
      await leave?.();
      await withNetworkOf('environment', () => setUp(step, deps));
    });
    const prior = await deps.prior();
    return await judgedAllTheSame(step, deps, () => workAndJudge(step, prior, deps));
  };
  const done = leave ? await judgedAllTheSame(step, deps, whole) : await whole();
  if (done.result) return done;
  const { unasked } = await deps.prior();
  return { ...done, result: await resultApart(step, { ...deps, ...present({ unasked }) }) };
}

/** What of a separate verifier's container goes wrong is not the agent's doing. */
export async function resultApart(
  { verifier, ...step }: Step,
  deps: StepDeps & Pick<Prior, 'unasked'>,
): Promise<PhaseResult['result']> {
  const { place } = verifier ?? {};
  const apart = place && deps.apart.get(place.container);
  if (!verifier || !apart) throw new Error(`the Pod has no container ${place?.container}`);
  const judging = { ...step, verifier: { ...verifier, place } };
  const judge = () => deps.withNetworkOf('verifier', () => judgeApart(judging, apart, deps));
  const reward = await deps.timeline.during('verifier', judge);
  return { kind: 'rewarded', ...reward };
}

/** A result, or what there is of it before a separate verifier has its say. */
type Worked = PhaseResult | (Omit<PhaseResult, 'result'> & { result?: undefined });

async function workAndJudge(step: Step, prior: Prior, deps: StepDeps): Promise<Worked> {
  const { hand, timeline, findings, paths, livesOn, withNetworkOf } = deps;
  const soFar = await withNetworkOf('agent', () => letWork(step, deps));
  const agentUid = prior.agentUids.at(-1);
  if (step.agent && isReplaced(step.agent.command.stdout, paths.logs, agentUid))
    findings.add('TranscriptReplaced', `${step.agent.command.stdout} is a file that the agent made itself`);
  const { verifier, stopBackground } = step;
  if (!verifier) return { result: { kind: 'unverified' }, ...soFar };
  const { place } = verifier;
  if (place) {
    await timeline.during('verifier', () => partFromAgent({ ...step, place }, deps));
    return soFar;
  }
  const reward = await timeline.during('verifier', async () => {
    const ground = await prepareGround({ verifier, prior, stopBackground }, { hand, findings });
    const judge = () => verify(ground, { hand, findings, logs: paths.logs, livesOn });
    return await withNetworkOf('verifier', judge);
  });
  return { result: { kind: 'rewarded', ...reward }, ...soFar };
}

/** Lets the agent work and keeps what it leaves. */
async function letWork(step: Step, deps: StepDeps): Promise<Pick<PhaseResult, 'exception' | 'usage'>> {
  const { timeline, note, paths, trajectory, scrub } = deps;
  const { done: ended, seen } = await timeline.during('agentExecution', () => workWithModel(step, deps));
  const said: AgentSaid = step.agent ? reportOf(step.agent, paths.logs, (line) => scrub.text(line)) : {};
  if (said.trajectory) trajectory.put(said.trajectory);
  const { usage, failure } = seen ? believed(seen, said) : said;
  const trouble = troubleOf(withLastLine(ended, said), failure);
  if (trouble) note(`${trouble.type}: ${trouble.message}`);
  const exception = trouble && { ...trouble, phase: 'agentExecution' as const };
  const soFar = present({ exception, usage });
  await collectArtifacts(step, deps);
  // A separate verifier's agent is left first: nobody is there to meddle with what services tell.
  if (!step.verifier?.place) await collectFromServices(step, deps);
  return soFar;
}

/** `seen`: by the courier, where it is the one who calls the model. The model is out of reach again before anything else is done. */
async function workWithModel(
  step: Step,
  { hand, model }: StepDeps,
): Promise<{ done: Exception | undefined; seen?: ModelSeen }> {
  const working = (): Promise<Exception | undefined> => work(step, hand);
  return model && step.agent ? await model.during(working) : { done: await working() };
}

async function work({ name, agent }: Step, hand: Hand): Promise<Exception | undefined> {
  if (!agent) return undefined;
  const { solution } = agent;
  if (solution === undefined) return await runAgent(hand, agent);
  await stageSolution(hand, solution);
  const trouble = await runAgent(hand, agent);
  // As under Harbor it stays where nobody comes after the verifier.
  if (name !== undefined) await unstageSolution(hand);
  return trouble;
}

/** Once an agent has begun, what its container keeps from happening is its own doing: never another attempt. */
async function judgedAllTheSame(
  { agent, verifier }: Step,
  { hand, findings, timeline, note }: PhaseDeps,
  judged: () => Promise<Worked>,
): Promise<Worked> {
  try {
    return await judged();
  } catch (error) {
    if (!agent || !isObstruction(error, hand)) throw error;
    const message = `the agent’s container kept the verifier from running: ${error.message}`;
    note(message);
    findings.add('VerifierObstructed', message);
    const exception = { type: 'VerifierObstructedError', message, phase: timeline.current() };
    if (!verifier) return { result: { kind: 'unverified' }, exception };
    return {
      result: { kind: 'rewarded', reward: 0, rewards: { reward: 0 }, obstructed: message },
      exception,
    };
  }
}

/** A container that has ended is another matter: it is told by its own reason. */
const isObstruction = (error: unknown, hand: Hand): error is Error =>
  error instanceof VerifierObstructed ||
  isDiskFull(error) ||
  (error instanceof HandGone && !hand.isGone() && !hand.toldToStop());

/** The courier's volumes lie on the node's disk, as all that the container writes. */
const isDiskFull = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

async function setUp({ setup, agentFiles, workdir, healthcheck }: Step, deps: PhaseDeps): Promise<void> {
  const { hand, paths } = deps;
  if (agentFiles) await writeAgentFiles(paths.control, agentFiles);
  if (setup) await setUpAgent(hand, setup);
  if (workdir) await stageWorkdir(hand, workdir);
  if (healthcheck) await awaitHealthy(healthcheck, deps);
}

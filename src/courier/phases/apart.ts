/** A separate verifier: in a container of its own, where nothing of the agent's is but the artifacts. */
import { present } from '../../crds/present.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import { AttemptFailure, explain, VerifierObstructed } from '../failure.ts';
import { HandGone, type Hand } from '../hand/hand.ts';
import { Refused } from '../../hand/stream.ts';
import { within } from '../hand/within.ts';
import { crossings, type Crossing } from '../results/crossing.ts';
import type { Reward } from '../reward/reward.ts';
import type { Step, VerifierPlace } from '../task/sequence.ts';
import { collectFromServices } from './artifacts.ts';
import { prepareSurroundings, type Apart, type PhaseDeps } from './surroundings.ts';
import { tell, type Prior } from './ground.ts';
import { broughtUnasked, unaskedIn } from './loaded.ts';
import { stageTests } from './stage.ts';
import { verify } from './verifier.ts';

/** sbd needs milliseconds, the kernel a while for what it held. */
const END_SECONDS = 120;

/**
 * Leaves the agent's container, once nothing in it is needed for this step: that of the only step ends, and with it all that the agent left
 * running; one that others follow in is halted until they do. Throws what counts as the agent's doing.
 */
export async function partFromAgent(step: PartingStep, deps: PhaseDeps): Promise<void> {
  const { hand, note, services } = deps;
  if (step.place.container !== CONTAINERS.verifier) {
    if (!(await hand.halt())) note('a process of the agent could not be halted while the verifier runs');
    await collectFromServices(step, deps);
    // Nobody but the agent sees services, and the verifier has the same network.
    await services?.halt();
    return;
  }
  await hand.freeze();
  hand.exit();
  await within(END_SECONDS, hand.gone, new VerifierObstructed('it did not end'));
  await collectFromServices(step, deps);
  await services?.end();
}

type PartingStep = Parameters<typeof collectFromServices>[0] & { place: VerifierPlace };

/** Lets the verifier judge in its own container. Throws AttemptFailure where that yields no reward, and HandGone where the container ends. */
export async function judgeApart(
  step: Step & { verifier: { place: VerifierPlace } },
  apart: Apart,
  deps: PhaseDeps & Pick<Prior, 'unasked'>,
): Promise<Pick<Reward & { kind: 'rewarded' }, 'reward' | 'rewards'>> {
  const { verifier } = step;
  const { surroundings, hasTests, container, startSeconds } = verifier.place;
  const { hand, logs } = apart;
  const { findings, note } = deps;
  const never = `container ${container} was not there after ${startSeconds} s`;
  await within(startSeconds, hand.ready(), new AttemptFailure('StartTimeout', never));
  apart.began = true;
  note(`container ${container} is ready`);
  const { services: _ofAgent, ...around } = deps;
  await prepareSurroundings(surroundings, { ...around, hand });
  const checked = await hand.check({ ...verifier.command, workdir: '/' });
  const owner = 'uid' in checked ? checked.uid : 0;
  if (bringsPrograms(step))
    findings.add('ArtifactsAmongPrograms', 'artifacts of the agent lie among the programs of the verifier');
  const { workdir } = verifier.command;
  const own = deps.unasked && (await unaskedIn(workdir, hand.files));
  await bringArtifacts(step, { ...deps, hand, owner, logs: deps.paths.logs });
  if (deps.unasked && own)
    tell(broughtUnasked(await unaskedIn(workdir, hand.files), deps.unasked, own), findings);
  try {
    if (!hasTests) await stageTests(hand, verifier.tests, { owner });
    const ground = { verifier, prior: { agentUids: [] }, background: 0 };
    return await verify(ground, { hand, findings, logs });
  } catch (error) {
    // Nobody but the task's own image keeps it from that.
    if (!(error instanceof VerifierObstructed)) throw error;
    throw new AttemptFailure('TaskInvalid', error.message, { cause: error });
  } finally {
    // Nothing in it is needed any more: its memory is free for the next one. The only one's end would end the courier, too.
    if (container !== CONTAINERS.verifier) await end(hand, note);
  }
}

async function end(hand: Hand, note: PhaseDeps['note']): Promise<void> {
  await hand.freeze().catch((error: unknown) => note(explain(error)));
  hand.exit();
}

const SYSTEM = /^\/((bin|sbin|lib[^/]*|usr|etc|root)(\/.*)?)?$/;

/** What an agent may do to a verifier by its artifacts alone. */
const bringsPrograms = ({ artifacts }: Step): boolean => artifacts.some(({ source }) => SYSTEM.test(source));

const LOGS = '/logs/';

/** Pure: what of the agent's crosses, and where it goes. What was left out for another artifact is not there. */
export function crossingsOf({
  artifacts,
  uncopied = [],
}: Pick<Step, 'artifacts' | 'uncopied'>): (Crossing & { service?: string })[] {
  const kept = uncopied.filter(({ why, source }) => why === 'Kept' && source.startsWith(LOGS));
  return [
    { from: 'artifacts', to: '/logs/artifacts', without: artifacts.map(({ into }) => into) },
    ...kept
      .filter(({ source }) => !/^\/logs\/artifacts(\/|$)/.test(source))
      .map(({ source }) => ({ from: source.slice(LOGS.length), to: source })),
    ...artifacts.map(({ source, into, service }) => ({
      from: `artifacts/${into}`,
      to: source,
      ...present({ service }),
    })),
  ];
}

interface Bringing extends Pick<PhaseDeps, 'hand' | 'note' | 'services'> {
  owner: number;
  /** The agent's. */
  logs: string;
}

/** What cannot be brought is missing there, as what the agent has not made. */
async function bringArtifacts(step: Step, { hand, owner, logs, note, services }: Bringing): Promise<void> {
  const list = crossingsOf(step).map(({ service, ...crossing }): Crossing => {
    const home = service === undefined ? undefined : services?.find(service);
    return { ...crossing, ...present({ logs: home?.logs }) };
  });
  for (const { crossing, found } of crossings(logs, list)) {
    const { to } = crossing;
    for (const { path, reason } of found.skipped.slice(0, 20))
      note(`artifact ${to}: ${path} is left out (${reason})`);
    await hand.bring({ to, owner, ...found }).catch((error: unknown) => {
      if (error instanceof HandGone || !(error instanceof Refused)) throw error;
      note(`artifact ${to} could not be brought to the verifier: ${explain(error)}`);
    });
  }
}

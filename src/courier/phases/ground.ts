/** The ground that a verifier stands on after an agent: what it was before, what is left of it, and what cannot be told. */
import { present } from '../../crds/present.ts';
import type { Finding, FindingCode } from '../../crds/findings.ts';
import type { Findings } from '../record/findings.ts';
import { VerifierObstructed } from '../failure.ts';
import type { Command } from '../hand/hand.ts';
import type { Checked, Hand, Refusal } from '../hand/hand.ts';
import type { Limited, Step } from '../task/sequence.ts';
import { demandPlace } from './agent.ts';
import {
  changesBetween,
  linksToTests,
  lookAround,
  unaskedIn,
  type Loaded,
  type Surround,
  type Unasked,
} from './loaded.ts';
import { stageTests } from './stage.ts';

/** What was known before the first agent began. */
export interface Prior {
  /** Users of the agents up to this step, the last its own; empty where no agent runs. */
  agentUids: number[];
  /** What would have become of the verifier's command then. */
  verifier?: Checked;
  /** What it would have loaded unasked. */
  loaded?: Loaded;
  /** The same of a separate one, in the working directory: it may come there as an artifact. */
  unasked?: Unasked;
}

/** A verifier that can be run. */
export interface Ground {
  verifier: Limited;
  prior: Prior;
  /** How many processes the agent has left running. */
  background: number;
}

/**
 * Looks at what agents could change, and says what they have the means for: of each step. Throws TaskInvalid for a verifier that may never
 * run.
 */
export async function lookBeforehand(steps: readonly Step[], deps: LookDeps): Promise<Prior[]> {
  const priors: Prior[] = [];
  const around = eachOnce((surround: Surround) => lookAround(surround, deps.hand.files));
  for (const step of steps)
    priors.push(await lookAt(step, priors.at(-1)?.agentUids ?? [], { ...deps, around }));
  return priors;
}

async function lookAt(
  { setup, agent, verifier }: Step,
  earlier: number[],
  { hand, findings, around }: LookDeps & { around: (surround: Surround) => Promise<Loaded> },
): Promise<Prior> {
  if (!agent) return { agentUids: earlier };
  const who = await identityOf(agent.command, hand);
  const agentUids = [...earlier.filter((uid) => uid !== who.uid), who.uid];
  // In a container of its own nobody of the agent's comes near it.
  if (!verifier) return { agentUids };
  if (verifier.place) return { agentUids, unasked: await unaskedIn(verifier.command.workdir, hand.files) };
  const checked = await hand.check(verifier.command);
  if ('refusal' in checked && checked.refusal === 'courier')
    demandPlace({ kind: 'refused', refusal: 'courier' }, verifier.command);
  const means = { owner: uidOf(checked), background: 0, installed: setup !== undefined, sudo: who.sudo };
  for (const agentUid of agentUids) tell(findingsOf({ ...means, agentUid }), findings);
  return {
    agentUids,
    verifier: checked,
    loaded: await around(surroundOf(verifier.command, checked)),
  };
}

async function seenSince(before: Loaded, hand: Hand): Promise<Finding[]> {
  const [after, links] = await Promise.all([
    lookAround(before.around, hand.files),
    linksToTests(before.around, hand.files),
  ]);
  return [...changesBetween(before, after), ...links];
}

/** As the verifier's programs see it. */
function surroundOf({ workdir, env }: Command, checked: Checked): Surround {
  const { home = '/root', path = USUAL_PATH } = 'uid' in checked ? checked : {};
  const folders = (env['PATH'] ?? path).split(':').filter((folder) => folder.startsWith('/'));
  return { workdir, home: env['HOME'] ?? home, path: folders };
}

const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Directory and interpreter may come and go meanwhile; who the agent is does not hang on them. Of nobody whom the image knows root is assumed. */
async function identityOf(
  command: Command,
  hand: Pick<Hand, 'check'>,
): Promise<{ uid: number; sudo: boolean }> {
  if (numberOf(command.user) === 0) return { uid: 0, sudo: false };
  const checked = await hand.check({ ...anywhere(command), agent: true });
  return 'uid' in checked ? { uid: checked.uid, sudo: checked.sudo === true } : { uid: 0, sudo: false };
}

/** Verifiers of several steps look around themselves alike. */
function eachOnce(look: (surround: Surround) => Promise<Loaded>): (surround: Surround) => Promise<Loaded> {
  const looks = new Map<string, Promise<Loaded>>();
  return (surround) => {
    const key = JSON.stringify(surround);
    const known = looks.get(key) ?? look(surround);
    looks.set(key, known);
    return known;
  };
}

type LookDeps = { hand: Pick<Hand, 'check' | 'files'>; findings: Pick<Findings, 'add'> };

/** The command where every container can run it. */
const anywhere = ({ interpreter: _interpreter, ...command }: Command): Command => ({
  ...command,
  workdir: '/',
});

const numberOf = (user: string): number | undefined => {
  const [, digits] = /^(\d+)(?::|$)/.exec(user) ?? [];
  return digits === undefined ? undefined : Number(digits);
};

const uidOf = (checked: Checked): number | undefined => ('uid' in checked ? checked.uid : undefined);

interface Preparing {
  verifier: NonNullable<Step['verifier']>;
  prior: Prior;
  stopBackground: boolean;
}

type GroundDeps = { hand: Hand; findings: Findings };

/** Puts the tests in place, for a command that can be run. Throws VerifierObstructed, and TaskInvalid where the agent has no part in it. */
export async function prepareGround(
  { verifier: { tests, ...verifier }, prior, stopBackground }: Preparing,
  { hand, findings }: GroundDeps,
): Promise<Ground> {
  const { command, owner } = await standing(verifier.command, prior, { hand, findings });
  const { agentUids } = prior;
  // An agent that is root, or the verifier's own user, can enter whatever the verifier can.
  const hidden = agentUids.length > 0 && !agentUids.some((uid) => uid === 0 || uid === owner);
  const { background, guests } = await stageTests(hand, tests, {
    owner,
    hidden,
    stopBackground,
    ...present({ agent: agentUids.at(-1) }),
  });
  for (const agentUid of agentUids) tell(findingsOf({ agentUid, owner, background }), findings);
  if (guests > 0)
    findings.add('TrialEntered', `${processes(guests)} of somebody who entered ran on beside the verifier`);
  // Whoever of the agent's is still there was counted.
  if (prior.loaded) tell(await seenSince(prior.loaded, hand), findings);
  return { verifier: { ...verifier, command }, prior, background };
}

/** What an agent could do to a verifier in its own container. */
interface Means {
  agentUid: number | undefined;
  /** The verifier’s user, where that is known. */
  owner: number | undefined;
  /** Processes that it has left running. */
  background: number;
  /** Its install script ran, as root. */
  installed?: boolean;
  /** It may become root without a password. */
  sudo?: boolean;
}

/** Pure: why it cannot be told whether the agent interfered with a verifier in its own container. */
export function findingsOf({ agentUid, owner, background, installed, sudo }: Means): Finding[] {
  if (agentUid === undefined) return [];
  const untold = (who: string): string => `the agent ${who} and could have interfered unnoticed`;
  const ofRoot = agentUid === 0;
  const told: [FindingCode, string, boolean | undefined][] = [
    ['AgentWasRoot', untold('was root beside a shared verifier'), ofRoot],
    ['AgentInstalledAsRoot', untold('was installed as root beside a shared verifier'), !ofRoot && installed],
    ['AgentMayBecomeRoot', untold('could become root by sudo beside a shared verifier'), !ofRoot && sudo],
    ['AgentWasVerifiersUser', untold('was the verifier’s own user'), !ofRoot && agentUid === owner],
    ['ProcessesLeft', `${processes(background)} of the agent ran on beside the verifier`, background > 0],
  ];
  return told.flatMap(([code, message, isSo]) => (isSo === true ? [{ code, message }] : []));
}

const processes = (count: number): string => `${count} ${count === 1 ? 'process' : 'processes'}`;

export const tell = (told: Finding[], findings: Pick<Findings, 'add'>): void => {
  for (const { code, message } of told) findings.add(code, message);
};

/** The command as it can be run after the agent, and the number of its user. */
async function standing(command: Command, { verifier: before }: Prior, deps: GroundDeps): Promise<Standing> {
  if (!before) return await standingAsItWas(command, deps.hand);
  let usable = await numbered(command, before, deps);
  for (;;) {
    const now = await deps.hand.check(usable);
    if (!('refusal' in now)) return { command: usable, owner: now.uid };
    // The task's own fault, which running it tells.
    if (!isGone({ verifier: before }, now.refusal)) return { command: usable, owner: 0 };
    const next = without(usable, now.refusal);
    deps.findings.add(
      'VerifierGroundRemoved',
      `the agent removed the verifier's ${now.refusal}: ${lost(usable, now.refusal)}`,
    );
    usable = next;
  }
}

interface Standing {
  command: Command;
  owner: number;
}

async function standingAsItWas(command: Command, hand: Pick<Hand, 'check'>): Promise<Standing> {
  return { command, owner: numberOf(command.user) ?? uidOf(await hand.check(command)) ?? 0 };
}

/** By number, which the agent cannot give to anybody else; with its group where the image's list of users no longer says the same. */
async function numbered(command: Command, before: Checked, { hand, findings }: GroundDeps): Promise<Command> {
  if ('refusal' in before || numberOf(command.user) !== undefined) return command;
  const pair = { ...command, user: `${before.uid}:${before.gid}` };
  if (command.user.includes(':')) return pair;
  const alone = { ...command, user: String(before.uid) };
  const now = await hand.check(anywhere(alone));
  if ('gid' in now && now.gid === before.gid) return alone;
  findings.add('VerifierUserChanged', `the agent removed or changed the verifier's user ${command.user}`);
  return pair;
}

/** In the order in which sbd looks. */
const LOOKS: Refusal[] = ['user', 'courier', 'workdir', 'interpreter'];

/** True where what the verifier lacks was there before the agent began. */
export const isGone = ({ verifier: before }: Pick<Prior, 'verifier'>, refusal: Refusal): boolean =>
  before !== undefined && (!('refusal' in before) || LOOKS.indexOf(before.refusal) > LOOKS.indexOf(refusal));

const lost = ({ user, workdir, interpreter = '' }: Command, refusal: Refusal): string =>
  ({ user, courier: user, workdir, interpreter })[refusal];

/** Pure: the command without what is gone. Throws VerifierObstructed where nothing can stand in for it. */
export function without(command: Command, refusal: Refusal): Command {
  if (refusal === 'workdir') return { ...command, workdir: '/' };
  const { interpreter = '', ...rest } = command;
  if (refusal === 'interpreter' && /(^|\/)(ba|da|a|k|z)?sh$/.test(interpreter))
    return { ...rest, shell: true };
  throw new VerifierObstructed(`the verifier's ${refusal} ${lost(command, refusal)} is gone`);
}

/** Lets the tests judge and reads the reward. */
import { AttemptFailure, VerifierObstructed } from '../failure.ts';
import type { Finding } from '../../crds/findings.ts';
import type { Findings } from '../record/findings.ts';
import type { Ended, Hand } from '../hand/hand.ts';
import { readReward } from '../reward/reward-file.ts';
import type { Reward } from '../reward/reward.ts';
import { demandPlace, exitText, interpreterMissing, memoryText } from './agent.ts';
import { isGone, tell } from './ground.ts';
import type { Ground } from './ground.ts';

export interface VerifierDeps {
  hand: Hand;
  findings: Findings;
  logs: string;
  /** The environment is needed afterwards: everything else is halted, not ended. */
  livesOn?: boolean;
}

/** Runs the verifier, ends or halts everything else and reads what was left. Throws AttemptFailure where that is no reward. */
export async function verify(
  { verifier: { command, limitSeconds }, prior, background }: Ground,
  { hand, findings, logs, livesOn = false }: VerifierDeps,
): Promise<Pick<Reward & { kind: 'rewarded' }, 'reward' | 'rewards'>> {
  const ended = await hand.run(command, limitSeconds);
  const endedAt = Date.now();
  if (ended.kind === 'refused' && isGone(prior, ended.refusal))
    throw new VerifierObstructed(`the verifier's ${ended.refusal} is gone`);
  demandPlace(ended, command);
  if (ended.kind === 'refused')
    throw new AttemptFailure('RewardMissing', interpreterMissing(command), {
      type: 'InterpreterNotFoundError',
    });
  await standStill({ hand, findings }, livesOn);
  if (ended.timedOut)
    throw new AttemptFailure('VerifierTimeout', `the verifier did not end within ${limitSeconds} s`, {
      type: 'VerifierTimeoutError',
    });
  const { reward, findings: odd } = readReward(logs, endedAt);
  if (reward.kind === 'failed') throw failureOf(reward, ended, background);
  tell([...odd, ...killed(ended)], findings);
  return { reward: reward.reward, rewards: reward.rewards };
}

const killed = ({ signal, oomKills }: Exclude<Ended, { kind: 'refused' }>): Finding[] =>
  signal === undefined || oomKills > 0
    ? []
    : [{ code: 'VerifierKilled', message: `signal ${signal} ended the verifier, and a reward was there` }];

/** Nobody may write the reward between its reading and its storing. */
async function standStill(
  { hand, findings }: Pick<VerifierDeps, 'hand' | 'findings'>,
  livesOn: boolean,
): Promise<void> {
  if (await (livesOn ? hand.halt() : hand.freeze())) return;
  const what = livesOn ? 'halted' : 'ended';
  findings.add(
    'ProcessNotStopped',
    `a process could not be ${what} before the reward was read, and may have changed it`,
  );
}

/** By signal 9. */
const KILLED = 137;

function failureOf(
  { reason, type, message }: Reward & { kind: 'failed' },
  ended: Exclude<Ended, { kind: 'refused' }>,
  background: number,
): Error {
  const { code, oomKills } = ended;
  // Where nobody of the agent's was left, the tests did it themselves.
  if (code === KILLED && oomKills === 0 && background > 0)
    return new VerifierObstructed('the verifier was killed while processes of the agent ran on beside it');
  const how = code === 0 ? '' : `; it ended with ${exitText(code)}, see verifier/test-stdout.txt`;
  if (oomKills > 0)
    return new AttemptFailure('OOMKilled', message + how + memoryText(oomKills), {
      type: 'OutOfMemoryError',
    });
  return new AttemptFailure(reason, message + how, { type });
}

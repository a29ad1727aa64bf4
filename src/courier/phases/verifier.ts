/** Lets the tests judge and reads the reward. */
import { AttemptFailure } from '../failure.ts';
import type { Ended, Hand } from '../hand/hand.ts';
import type { Limited } from '../task/steps.ts';
import { readReward } from '../reward/reward-file.ts';
import type { Reward } from '../reward/reward.ts';
import { demandPlace, exitText, interpreterMissing, memoryText } from './agent.ts';

export interface Verdict {
  reward: number;
  rewards: Record<string, number>;
  findings: string[];
}

/** Runs the verifier, ends everything else and reads what was left. Throws AttemptFailure where that is no reward. */
export async function verify(hand: Hand, { command, limitSeconds }: Limited, logs: string): Promise<Verdict> {
  const ended = await hand.run(command, limitSeconds);
  const endedAt = Date.now();
  demandPlace(ended, command);
  if (ended.kind === 'refused')
    throw new AttemptFailure('RewardMissing', interpreterMissing(command), {
      type: 'InterpreterNotFoundError',
    });
  // Nobody may write the reward between its reading and its storing.
  await hand.freeze();
  if (ended.timedOut)
    throw new AttemptFailure('VerifierTimeout', `the verifier did not end within ${limitSeconds} s`, {
      type: 'VerifierTimeoutError',
    });
  const { reward, findings } = readReward(logs, endedAt);
  if (reward.kind === 'failed') throw failureOf(reward, ended);
  return { reward: reward.reward, rewards: reward.rewards, findings };
}

function failureOf(
  { reason, type, message }: Reward & { kind: 'failed' },
  ended: Ended & { kind: 'exited' },
): AttemptFailure {
  const { code, oomKills } = ended;
  const how = code === 0 ? '' : `; it ended with ${exitText(code)}, see verifier/test-stdout.txt`;
  if (oomKills > 0)
    return new AttemptFailure('OOMKilled', message + how + memoryText(oomKills), {
      type: 'OutOfMemoryError',
    });
  return new AttemptFailure(reason, message + how, { type });
}

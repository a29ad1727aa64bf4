/** Pure: reward files as Harbor reads them, `reward.json` before `reward.txt`; what it lets through by accident is refused with its own reason. */
import type { TrialFailedReason } from '../../crds/reasons.ts';

type RewardReason = Extract<TrialFailedReason, `Reward${string}`>;

export type Reward =
  | { kind: 'rewarded'; reward: number; rewards: Record<string, number> }
  /** `type` is the exception's name. */
  | { kind: 'failed'; reason: RewardReason; type: string; message: string };

/** Keys of a reward file; the API stores no more. */
const MAX_KEYS = 64;
const SHOWN_CHARS = 80;

const TYPES: Record<RewardReason, string> = {
  RewardMissing: 'RewardFileNotFoundError',
  RewardEmpty: 'RewardFileEmptyError',
  RewardUnparsable: 'VerifierOutputParseError',
  RewardNotFinite: 'RewardNotFiniteError',
  RewardInvalid: 'RewardInvalidError',
};

export const rewardFailure = (reason: RewardReason, message: string): Reward & { kind: 'failed' } => ({
  kind: 'failed',
  reason,
  type: TYPES[reason],
  message,
});

const shown = (text: string): string => JSON.stringify(text.trim().slice(0, SHOWN_CHARS));

/** A number of reward.txt, in the notation that Python's float() takes. */
const DECIMAL = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/i;
const NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i;

/** What Python strips: unlike `trim()`, no byte order mark. */
const BLANKS = /^[^\S\uFEFF]+|[^\S\uFEFF]+$/g;

/** Contents of `reward.txt`: one number. */
export function parseRewardText(text: string): Reward {
  const word = text.replaceAll(BLANKS, '');
  if (word === '') return rewardFailure('RewardEmpty', 'reward.txt is empty');
  if (!DECIMAL.test(word) && !NOT_FINITE.test(word))
    return rewardFailure('RewardUnparsable', `reward.txt holds ${shown(text)}, which is no number`);
  const reward = Number(word.replaceAll('_', ''));
  if (!Number.isFinite(reward))
    return rewardFailure('RewardNotFinite', `reward.txt holds ${shown(text)}; a reward must be finite`);
  return { kind: 'rewarded', reward, rewards: { reward } };
}

/** Contents of `reward.json`: a flat object of numbers. */
export function parseRewardJson(text: string): Reward {
  if (text.trim() === '') return rewardFailure('RewardEmpty', 'reward.json is empty');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Python writes and reads NaN and Infinity, which JSON does not have.
    if (holdsNonFinite(text))
      return rewardFailure('RewardNotFinite', 'reward.json holds NaN or Infinity; a reward must be finite');
    return rewardFailure('RewardUnparsable', `reward.json is not valid JSON: ${shown(text)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return invalid(`reward.json holds ${nounOf(value)}; expected an object of numbers such as {"reward": 1}`);
  return fromObject(value as Record<string, unknown>);
}

function fromObject(object: Record<string, unknown>): Reward {
  const entries = Object.entries(object);
  if (entries.length === 0) return invalid('reward.json holds an empty object; expected at least one number');
  if (entries.length > MAX_KEYS)
    return invalid(`reward.json has ${entries.length} keys; at most ${MAX_KEYS} are allowed`);
  for (const [key, value] of entries) {
    if (typeof value !== 'number')
      return invalid(`reward.json: ${shown(key)} is ${nounOf(value)}; expected a number`);
    if (!Number.isFinite(value))
      return rewardFailure('RewardNotFinite', `reward.json: ${shown(key)} is not finite`);
  }
  const rewards = Object.fromEntries(entries) as Record<string, number>;
  const reward = rewardOf(rewards);
  if (!Number.isFinite(reward))
    return rewardFailure('RewardNotFinite', 'the mean of the rewards in reward.json is not finite');
  return { kind: 'rewarded', reward, rewards };
}

/** The one number that stands for several: that of the name `reward`, else their mean. */
const rewardOf = (rewards: Record<string, number>): number =>
  (Object.hasOwn(rewards, 'reward') ? rewards['reward'] : undefined) ?? mean(Object.values(rewards));

/** The reward of a task with steps: Harbor's mean of each name over the steps that were rewarded, 0 where one has not that name. */
export function meanReward(steps: Record<string, number>[]): Reward {
  const names = [...new Set(steps.flatMap((rewards) => Object.keys(rewards)))].slice(0, MAX_KEYS);
  const of = (name: string): number =>
    mean(steps.map((rewards) => (Object.hasOwn(rewards, name) ? rewards[name] : 0) ?? 0));
  const rewards = Object.fromEntries(names.map((name) => [name, of(name)]));
  const reward = rewardOf(rewards);
  return [reward, ...Object.values(rewards)].every(Number.isFinite)
    ? { kind: 'rewarded', reward, rewards }
    : rewardFailure('RewardNotFinite', 'the mean of the steps’ rewards is not finite');
}

const invalid = (message: string): Reward => rewardFailure('RewardInvalid', message);

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function holdsNonFinite(text: string): boolean {
  const finite = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (token) =>
    token.startsWith('"') ? token : '0',
  );
  if (finite === text) return false;
  try {
    JSON.parse(finite);
    return true;
  } catch {
    return false;
  }
}

function nounOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'number':
      return `the bare number ${value}`;
    case 'boolean':
      return `the boolean ${value}`;
    case 'string':
      return `the text ${shown(value)}`;
    default:
      return 'an object';
  }
}

/** What two reward files that say different things look like; undefined where they agree. */
export function disagreement(json: Reward, text: Reward): string | undefined {
  if (text.kind !== 'rewarded') return undefined;
  if (json.kind === 'rewarded' && Math.abs(json.reward - text.reward) < 1e-9) return undefined;
  const said = json.kind === 'rewarded' ? `says ${json.reward}` : 'holds no reward';
  return `reward.json ${said}, reward.txt says ${text.reward}`;
}

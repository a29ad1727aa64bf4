import { expect } from 'chai';
import fc from 'fast-check';
import { disagreement, parseRewardJson, parseRewardText } from './reward.ts';

const reasonOf = (text: string, parse = parseRewardJson): string => {
  const reward = parse(text);
  return reward.kind === 'failed' ? reward.reason : 'rewarded';
};
const messageOf = (text: string, parse = parseRewardJson): string => {
  const reward = parse(text);
  return reward.kind === 'failed' ? `${reward.type}: ${reward.message}` : 'rewarded';
};

describe('parseRewardJson', () => {
  it('takes the key reward, else the mean of all keys', () => {
    expect(parseRewardJson('{"reward": 0.25, "tests": 4}')).to.deep.equal({
      kind: 'rewarded',
      reward: 0.25,
      rewards: { reward: 0.25, tests: 4 },
    });
    expect(parseRewardJson('{"a": 1, "b": 0}')).to.deep.include({ reward: 0.5 });
  });

  it('takes every flat object of finite numbers', () => {
    const numbers = fc.dictionary(
      fc.string({ minLength: 1 }),
      fc.double({ noNaN: true, min: -1e100, max: 1e100 }),
      { minKeys: 1, maxKeys: 64, noNullPrototype: true },
    );
    fc.assert(
      fc.property(numbers, (rewards) => {
        const text = JSON.stringify(rewards);
        expect(parseRewardJson(text)).to.deep.include({ kind: 'rewarded', rewards: JSON.parse(text) });
      }),
    );
  });

  it('throws for no text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const reward = parseRewardJson(text);
        if (reward.kind === 'rewarded') expect(Number.isFinite(reward.reward)).to.equal(true);
        else expect(reward.message.length).to.be.below(600);
      }),
    );
  });

  const refused: [string, string, string][] = [
    ['an empty file', ' \n', 'RewardFileEmptyError: reward.json is empty'],
    [
      'broken JSON',
      '{"reward": 1',
      'VerifierOutputParseError: reward.json is not valid JSON: "{\\"reward\\": 1"',
    ],
    [
      'NaN',
      '{"reward": NaN}',
      'RewardNotFiniteError: reward.json holds NaN or Infinity; a reward must be finite',
    ],
    [
      '-Infinity',
      '{"a": 1, "b": -Infinity}',
      'RewardNotFiniteError: reward.json holds NaN or Infinity; a reward must be finite',
    ],
    [
      'NaN in a text',
      '{"NaN": NaX}',
      'VerifierOutputParseError: reward.json is not valid JSON: "{\\"NaN\\": NaX}"',
    ],
    [
      'a number beyond the range',
      '{"reward": 1e999}',
      'RewardNotFiniteError: reward.json: "reward" is not finite',
    ],
    [
      'a mean beyond the range',
      '{"a": 1.7e308, "b": 1.7e308}',
      'RewardNotFiniteError: the mean of the rewards in reward.json is not finite',
    ],
    [
      'a bare number',
      '0.5',
      'RewardInvalidError: reward.json holds the bare number 0.5; expected an object of numbers such as {"reward": 1}',
    ],
    [
      'an empty object',
      '{}',
      'RewardInvalidError: reward.json holds an empty object; expected at least one number',
    ],
    [
      'a boolean',
      '{"reward": true}',
      'RewardInvalidError: reward.json: "reward" is the boolean true; expected a number',
    ],
    [
      'a bare boolean',
      'true',
      'RewardInvalidError: reward.json holds the boolean true; expected an object of numbers such as {"reward": 1}',
    ],
    [
      'a text',
      '{"reward": "1"}',
      'RewardInvalidError: reward.json: "reward" is the text "1"; expected a number',
    ],
    [
      'a list',
      '[1, 2]',
      'RewardInvalidError: reward.json holds a list; expected an object of numbers such as {"reward": 1}',
    ],
    [
      'null',
      'null',
      'RewardInvalidError: reward.json holds null; expected an object of numbers such as {"reward": 1}',
    ],
    [
      'an object in the object',
      '{"a": {"b": 1}}',
      'RewardInvalidError: reward.json: "a" is an object; expected a number',
    ],
  ];
  for (const [what, text, message] of refused)
    it(`refuses ${what}`, () => {
      expect(messageOf(text)).to.equal(message);
    });

  it('refuses more than 64 keys', () => {
    const keys = (count: number) =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i])));
    expect(reasonOf(keys(64))).to.equal('rewarded');
    expect(reasonOf(keys(65))).to.equal('RewardInvalid');
  });
});

describe('parseRewardText', () => {
  for (const [text, reward] of [
    ['1\n', 1],
    ['0.75', 0.75],
    [' -2. ', -2],
    ['.5', 0.5],
    ['1e-3', 0.001],
    ['+1_000', 1000],
  ] as const)
    it(`reads ${JSON.stringify(text)} as ${reward}`, () => {
      expect(parseRewardText(text)).to.deep.equal({ kind: 'rewarded', reward, rewards: { reward } });
    });

  for (const [text, reason] of [
    ['', 'RewardEmpty'],
    ['nan', 'RewardNotFinite'],
    ['-Infinity', 'RewardNotFinite'],
    ['1e999', 'RewardNotFinite'],
    ['0x10', 'RewardUnparsable'],
    ['1 2', 'RewardUnparsable'],
    ['pass', 'RewardUnparsable'],
    ['true', 'RewardUnparsable'],
    ['1__0', 'RewardUnparsable'],
    ['\uFEFF1', 'RewardUnparsable'],
  ] as const)
    it(`refuses ${JSON.stringify(text)} as ${reason}`, () => {
      expect(reasonOf(text, parseRewardText)).to.equal(reason);
    });

  it('reads back every finite number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(parseRewardText(String(number))).to.deep.include({ kind: 'rewarded', reward: number + 0 });
      }),
    );
  });
});

describe('disagreement', () => {
  const says = (json: string, text: string) => disagreement(parseRewardJson(json), parseRewardText(text));
  it('tells two files that say different things', () => {
    expect(says('{"reward": 1}', '0')).to.equal('reward.json says 1, reward.txt says 0');
    expect(says('{}', '1')).to.equal('reward.json holds no reward, reward.txt says 1');
    expect(says('{"reward": 1}', '1.0')).to.equal(undefined);
    expect(says('{"reward": 1}', 'what')).to.equal(undefined);
  });
});

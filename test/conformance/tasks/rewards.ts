/** The file that the verifier leaves. */
import { checks, earns, fails, from, json, text } from './rule.ts';
import type { Rule } from './rule.ts';

const OWN_NAME = {
  harbor: 'VerifierOutputParseError',
  because: 'no reward either way; the name of the exception says what is wrong with the file',
};

const ofText = from('verifier/verifier.py: _parse_reward_text', [
  {
    task: 'reward-text',
    rule: 'reward.txt holds one number, the reward of the key `reward`.',
    tests: text('0.75\\n'),
    nop: earns(0.75),
  },
  {
    task: 'reward-text-blanks',
    rule: 'Blanks and line ends of any kind around the number mean nothing.',
    tests: text(' \\t0.5 \\r\\n\\n'),
    nop: earns(0.5),
  },
  {
    task: 'reward-text-notation',
    rule: 'The number may be written as Python reads it, with exponent and underscores.',
    tests: text('1_0.5e3'),
    nop: earns(10_500),
  },
  {
    task: 'reward-text-range',
    rule: 'A reward has no range: it may be negative and large.',
    tests: text('-1e300'),
    nop: earns(-1e300),
  },
  {
    task: 'reward-text-nan',
    rule: 'NaN is no reward.',
    tests: text('nan'),
    nop: fails('RewardNotFinite', 'RewardNotFiniteError'),
    differs: OWN_NAME,
  },
  {
    task: 'reward-text-word',
    rule: 'A word is no reward.',
    tests: text('pass\\n'),
    nop: fails('RewardUnparsable', 'VerifierOutputParseError'),
  },
  {
    task: 'reward-text-two',
    rule: 'Two numbers are no reward.',
    tests: text('1 1\\n'),
    nop: fails('RewardUnparsable', 'VerifierOutputParseError'),
  },
  {
    task: 'reward-text-bom',
    rule: 'A byte order mark before the number makes it no number.',
    tests: text('\\357\\273\\2771'),
    nop: fails('RewardUnparsable', 'VerifierOutputParseError'),
  },
  {
    task: 'reward-text-empty',
    rule: 'An empty reward.txt is an error of its own.',
    tests: ': > /logs/verifier/reward.txt',
    nop: fails('RewardEmpty', 'RewardFileEmptyError'),
  },
  {
    task: 'reward-text-blank',
    rule: 'A reward.txt of nothing but blanks is no reward.',
    tests: text('\\n'),
    nop: fails('RewardEmpty', 'RewardFileEmptyError'),
    differs: {
      harbor: 'VerifierOutputParseError',
      because: 'no reward either way; to whoever looks at it the file is empty',
    },
  },
]);

const ofJson = from('verifier/verifier.py: _parse_reward_json', [
  {
    task: 'reward-json',
    rule: 'reward.json holds an object of numbers, all of which are kept: integers as integers.',
    tests: json('{"accuracy": 0.5, "passed": 3}\\r\\n'),
    nop: earns({ accuracy: 0.5, passed: 3 }),
  },
  {
    task: 'reward-json-empty',
    rule: 'An empty reward.json is an error, whatever reward.txt says.',
    tests: `: > /logs/verifier/reward.json; ${text('1')}`,
    nop: fails('RewardEmpty', 'RewardFileEmptyError'),
  },
  {
    task: 'reward-json-broken',
    rule: 'A reward.json that is no JSON is an error, whatever reward.txt says.',
    tests: `${json('{"reward": 1')}; ${text('1')}`,
    nop: fails('RewardUnparsable', 'VerifierOutputParseError'),
  },
  {
    task: 'reward-json-bom',
    rule: 'A byte order mark makes it no JSON.',
    tests: json('\\357\\273\\277{"reward": 1}'),
    nop: fails('RewardUnparsable', 'VerifierOutputParseError'),
  },
  {
    task: 'reward-json-list',
    rule: 'A list is no reward.',
    tests: json('[1, "a"]'),
    nop: fails('RewardInvalid', 'RewardInvalidError'),
    differs: OWN_NAME,
  },
  {
    task: 'reward-json-text',
    rule: 'A number in quotes is no number.',
    tests: json('{"reward": "1"}'),
    nop: fails('RewardInvalid', 'RewardInvalidError'),
    differs: OWN_NAME,
  },
  {
    task: 'reward-json-nested',
    rule: 'An object in the object is no number.',
    tests: json('{"a": {"b": 1}}'),
    nop: fails('RewardInvalid', 'RewardInvalidError'),
    differs: OWN_NAME,
  },
  {
    task: 'reward-json-null',
    rule: 'null is no number.',
    tests: json('{"reward": null}'),
    nop: fails('RewardInvalid', 'RewardInvalidError'),
    differs: OWN_NAME,
  },
  {
    task: 'reward-json-nan',
    rule: 'NaN, which Python’s JSON has, is no reward.',
    tests: json('{"reward": NaN}'),
    nop: fails('RewardNotFinite', 'RewardNotFiniteError'),
    differs: OWN_NAME,
  },
  {
    task: 'reward-json-overflow',
    rule: 'A number beyond the range of a float is no reward.',
    tests: json('{"reward": 1e999}'),
    nop: fails('RewardNotFinite', 'RewardNotFiniteError'),
    differs: OWN_NAME,
  },
  {
    task: 'reward-json-boolean',
    rule: 'A boolean is no number.',
    tests: json('{"reward": true}'),
    nop: fails('RewardInvalid', 'RewardInvalidError'),
    differs: {
      harbor: 'takes true for 1.0',
      because: 'Harbor refuses text and lists for the same reason: the file was not meant as a number',
    },
  },
  {
    task: 'reward-json-number',
    rule: 'A bare number in reward.json is no object.',
    tests: json('0.5'),
    nop: fails('RewardInvalid', 'RewardInvalidError'),
    differs: {
      harbor: 'an untyped ValidationError, which it retries',
      because: 'no reward either way; another attempt would come to the same',
    },
  },
  {
    task: 'reward-json-hollow',
    rule: 'An object without a number is no reward.',
    tests: json('{}'),
    nop: fails('RewardInvalid', 'RewardInvalidError'),
    differs: {
      harbor: 'takes it for a result without rewards, which counts 0 in the mean',
      because: 'a verifier that says nothing is not one that says 0',
    },
  },
]);

const ofFiles = from('verifier/verifier.py: verify', [
  {
    task: 'reward-both',
    rule: 'reward.json is read where both files are there.',
    tests: `${json('{"reward": 0.25}')}; ${text('1')}`,
    nop: earns(0.25),
  },
  {
    task: 'reward-missing',
    rule: 'No file is an error, not 0.',
    tests: 'exit 0',
    nop: fails('RewardMissing', 'RewardFileNotFoundError'),
  },
  {
    task: 'reward-link',
    rule: 'A link in place of the file is not followed.',
    tests: 'echo 1 > /tmp/reward; ln -s /tmp/reward /logs/verifier/reward.txt',
    nop: fails('RewardInvalid', 'RewardInvalidError'),
    differs: {
      harbor: 'follows the link on the machine that it runs on, where this one leads nowhere',
      because: 'it may lead to files that are not the task’s',
    },
  },
  {
    task: 'reward-planted',
    rule: 'Reward files that the agent leaves are removed before the tests run.',
    solution: `${json('{"reward": 1}')}; ${text('1')}`,
    tests: checks('[ -e /logs/verifier/reward.json ] || [ -e /logs/verifier/reward.txt ]'),
    oracle: earns(0),
  },
  {
    task: 'reward-exit-code',
    rule: 'The exit code of the tests means nothing.',
    tests: `${text('1')}; exit 7`,
    nop: earns(1),
  },
  {
    task: 'verifier-output',
    rule: 'test-stdout.txt has both streams of the tests, and other files beside it are kept.',
    tests: `${text('1')}; echo to stdout; echo to stderr >&2; echo '{}' > /logs/verifier/ctrf.json`,
    nop: earns(1),
    results: { 'verifier/test-stdout.txt': /^to stdout\nto stderr\n$/, 'verifier/ctrf.json': /^\{\}\n$/ },
  },
]);

export const REWARDS: Rule[] = [...ofText, ...ofJson, ...ofFiles];

import { expect } from 'chai';
import { anOutcome, aTrial } from '../../test/support/builders/objects.ts';
import { trialPrefix } from './keys.ts';
import { mismatchOf, readSource, type RegradeWish, type Source } from './source.ts';
import { trialResult } from './trial-result.ts';

const SHA256 = 'a'.repeat(64);
const STORED = { files: 3, bytes: 42, skipped: 0, collected: 1, manifestSha256: SHA256 };

const trial = aTrial({
  spec: {
    run: 'nightly',
    task: { name: 'org/hello' },
    agent: { name: 'custom', model: 'acme/large' },
  },
});
const ended = {
  rewards: { a: 0, b: 0.5 },
  conditions: [
    {
      type: 'Succeeded',
      status: 'True' as const,
      reason: 'RewardObtained',
      message: '',
      lastTransitionTime: '',
    },
  ],
};
const PREFIX = trialPrefix(trial);

type Result = Record<string, unknown>;

const resultOf = (over: Result = {}, stored: object = STORED): Result => ({
  ...trialResult({ trial, status: ended, outcome: anOutcome({ stored: { ...STORED, ...stored } }) }),
  ...over,
});

/** Reads what a bucket has with `result` as the Trial's `result.json`. */
function reading(result: unknown, place: { key?: string; namespace?: string; uid?: string } = {}) {
  const text = typeof result === 'string' ? result : JSON.stringify(result);
  const objects = new Map([[`${PREFIX}result.json`, Buffer.from(text)]]);
  const { key = PREFIX, namespace = 'default', ...rest } = place;
  const store = { get: async (wanted: string) => objects.get(wanted) };
  return readSource(store, { key, uri: `s3://b/${key}`, namespace, ...rest });
}

describe('the Trial that a regrade judges again', () => {
  it('is what its own result.json says, with its reward', async () => {
    for (const key of [PREFIX, PREFIX.slice(0, -1)])
      expect(await reading(resultOf(), { key })).to.deep.equal({
        kind: 'found',
        prefix: PREFIX,
        uid: trial.metadata.uid,
        run: 'nightly',
        trial: 'hello__1234567',
        uri: `s3://b/${key}`,
        task: 'org/hello',
        agent: { name: 'custom', model: 'acme/large' },
        steps: [],
        collected: 1,
        shared: false,
        manifestSha256: SHA256,
        reward: 0.25,
        rewards: { a: 0, b: 0.5 },
      });
  });

  it('has no reward of its own where its verifier was disabled or failed', async () => {
    const source = await reading(resultOf({ verifier_result: null, reason: 'RewardMissing' }));
    expect(source.kind).to.equal('found');
    expect(source).not.to.have.any.keys('reward', 'rewards');
  });

  const others: [what: string, result: unknown, place?: Parameters<typeof reading>[1]][] = [
    ['of another namespace', resultOf({ namespace: 'team-b' })],
    ['that the reader’s namespace is not in', resultOf(), { namespace: 'team-b' }],
    ['copied under another Trial’s prefix', resultOf({ trial_name: 'other__1234567' })],
    ['of another run', resultOf({ run: 'other' })],
    ['of a Trial that was made again under its name', resultOf(), { uid: 'other' }],
    ['that are none', '{'],
    ['of no schema', resultOf({ id: 7 })],
    ['with rewards that are no numbers', resultOf({ verifier_result: { rewards: { a: 'x' } } })],
    ['that are not there', resultOf(), { key: 'trials/nightly/none__1234567' }],
    ['under a prefix with dots', resultOf(), { key: `trials/nightly/../nightly/hello__1234567` }],
    ['under a run with dots', resultOf(), { key: 'trials/../hello__1234567' }],
    ['below a prefix', resultOf(), { key: `${PREFIX}agent` }],
    ['of a whole run', resultOf(), { key: 'trials/nightly' }],
    ['outside of trials/', resultOf(), { key: 'tasks/nightly/hello__1234567' }],
  ];
  for (const [what, result, place] of others)
    it(`is not one ${what}, in the same words`, async () => {
      const read = await reading(result, place);
      expect(read).to.deep.include({ kind: 'faulty', reason: 'SourceNotFound' });
      expect(read.kind === 'faulty' && read.message).to.match(
        /has no results of a Trial of namespace (default|team-b) that has ended$/,
      );
    });

  it('is not read beyond its bound, and the store’s failures are not its fault', async () => {
    const failing = (reason: string) => ({
      get: () => Promise.reject(Object.assign(new Error('no'), { reason })),
    });
    const place = { key: PREFIX, uri: 's3://b/x', namespace: 'default' };
    for (const reason of ['TooLarge', 'Invalid'])
      expect(await readSource(failing(reason), place)).to.include({ reason: 'SourceNotFound' });
    const failure = await readSource(failing('Unavailable'), place).catch((error: Error) => error);
    expect(failure).to.have.property('message', 'no');
  });

  const unusable: [what: string, result: Result, why: RegExp][] = [
    ['that stored nothing', resultOf({ stored: null }), /stored no files/],
    ['of an older operator', resultOf({ stored: undefined }), /stored no files/],
    [
      'whose agent did not come to its end',
      resultOf({ reason: 'TaskContainerExited' }, { collected: 0 }),
      /ended with TaskContainerExited before the artifacts .* were collected/,
    ],
    ['that was obstructed', resultOf({ reason: 'VerifierObstructed' }), /its reward of 0 stays/],
  ];
  for (const [what, result, why] of unusable)
    it(`cannot be one ${what}`, async () => {
      const read = await reading(result);
      expect(read).to.include({ kind: 'faulty', reason: 'SourceUnusable' });
      expect(read.kind === 'faulty' && read.message).to.match(why);
    });
});

describe('what a regrade asks for', () => {
  const source: Source = {
    prefix: PREFIX,
    uid: 'u',
    run: 'nightly',
    trial: 'hello__1234567',
    uri: 's3://b/x',
    task: 'org/hello',
    agent: { name: 'custom', model: 'acme/large' },
    steps: [],
    collected: 1,
    shared: false,
    manifestSha256: SHA256,
  };
  const wish: RegradeWish = {
    run: 'nightly-g1',
    task: 'org/hello',
    agent: source.agent,
    steps: [],
  };

  it('is what the Trial was, in another run', () => {
    expect(mismatchOf(source, wish)).to.equal(undefined);
    expect(mismatchOf({ ...source, steps: ['a'] }, { ...wish, steps: ['a', 'b'] })).to.equal(undefined);
  });

  const others: [string, Partial<typeof wish>, RegExp][] = [
    ['another task', { task: 'org/other' }, /ran the task org\/hello, and spec.task.name is org\/other/],
    [
      'another agent',
      { agent: { name: 'nop', model: 'acme/large' } },
      /the work of the agent custom with the model acme\/large/,
    ],
    ['another model', { agent: { name: 'custom', model: 'm' } }, /the agent custom/],
    ['the same run', { run: 'nightly' }, /would count it twice/],
    ['steps', { steps: ['a'] }, /ran no steps, and the task has the steps a/],
  ];
  for (const [what, over, why] of others)
    it(`is not ${what}`, () => {
      expect(mismatchOf(source, { ...wish, ...over })).to.match(why);
    });

  it('is not other steps, or others in their order', () => {
    const ran = { ...source, steps: ['a', 'b'] };
    for (const steps of [['b', 'a'], ['a'], ['x', 'b'], []])
      expect(mismatchOf(ran, { ...wish, steps })).to.match(/give a version with the same steps/);
  });
});

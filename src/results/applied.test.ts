import { expect } from 'chai';
import { aTrial, stampOf, T0 } from '../../test/support/builders/objects.ts';
import { TRIAL_FAILED, type TrialReason } from '../crds/reasons.ts';
import type { TrialStatus } from '../crds/trial-status.ts';
import type { TrialSpec } from '../crds/trial.ts';
import { appliedHash, appliedOutcome, readApplied, type AppliedOutcome } from './applied.ts';

const STORED: TrialSpec['task'] = {
  name: 'hello',
  dataset: 'local',
  version: '0123456789ab',
  s3: { uri: 's3://artifacts/tasks/local/hello/0123456789ab' },
};

const specOf = (over: Partial<TrialSpec> = {}): TrialSpec => aTrial({ spec: { task: STORED, ...over } }).spec;
const hashOf = (over?: Partial<TrialSpec>): string | undefined => appliedHash(specOf(over), {});

const conditions = (status: 'True' | 'False', reason: TrialReason): NonNullable<TrialStatus['conditions']> =>
  ['Verified', 'Succeeded', 'Complete'].map((type) => ({
    type,
    status,
    reason,
    message: `${type} says so`,
    lastTransitionTime: stampOf(T0),
  }));

const rewarded: TrialStatus = {
  conditions: conditions('True', 'RewardObtained'),
  reward: 0.5,
  rewards: { reward: 0.5 },
  finishedAt: stampOf(T0),
  s3TrialUri: 's3://artifacts/trials/adhoc/hello__1234567/',
  jobName: 'hello-1',
  attempts: [{ number: 1, jobName: 'hello-1', taskContent: 'abc' }],
  timings: { verifier: { startTime: stampOf(T0) } },
  logs: { url: 'http://log' },
};

const recordFor = (over: Partial<TrialStatus> = {}, spec: Partial<TrialSpec> = {}) =>
  appliedOutcome(aTrial({ spec: { task: STORED, ...spec } }), { ...rewarded, ...over });

const record = (): AppliedOutcome => {
  const made = recordFor();
  if (!made) throw new Error('no record was made');
  return made;
};

const bytes = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

describe('what a Trial asks for', () => {
  it('is the same whatever may be changed while it is there', () => {
    const changed = { suspend: true, cancel: true, ttlSecondsAfterFinished: 5, rerun: 'Always' as const };
    expect(hashOf(changed)).to.equal(hashOf());
  });

  it('is the same whether a default is written or not, so that new fields of a later version change nothing', () => {
    const { maxAttempts: _, backoffSeconds: _b, ...written } = specOf();
    expect(appliedHash(written as TrialSpec, {})).to.equal(hashOf({ maxAttempts: 3, backoffSeconds: 10 }));
    expect(hashOf({ scheduling: {} })).to.equal(hashOf());
  });

  it('is the same however a quantity is written, and in whatever order fields are', () => {
    const cpu = (value: string | number) => {
      const { environment } = specOf();
      return hashOf({ environment: { ...environment, resources: { requests: { cpu: value } } } });
    };
    expect(cpu(2)).to.equal(cpu('2'));
    expect(cpu(2)).not.to.equal(cpu(3));
    const turned = Object.fromEntries(Object.entries(specOf()).toReversed()) as TrialSpec;
    expect(appliedHash(turned, {})).to.equal(hashOf());
  });

  it('is another with another run, agent, task, image, variable or number of attempts', () => {
    const { environment, agent } = specOf();
    const others: Partial<TrialSpec>[] = [
      { run: 'again' },
      { agent: { ...agent, name: 'nop' } },
      { agent: { ...agent, env: [{ name: 'A', value: '1' }] } },
      { task: { ...STORED, version: 'ba9876543210' } },
      { environment: { ...environment, image: 'other' } },
      { maxAttempts: 1 },
    ];
    const hashes = [hashOf(), ...others.map(hashOf)];
    expect(new Set(hashes).size).to.equal(hashes.length);
  });

  it('holds the content of a task that is a ConfigMap, and the results that a regrade judges', () => {
    const task = { name: 'hello', dataset: 'local', configMap: { name: 'hello-task' } };
    const of = (taskContent?: string) => appliedHash(specOf({ task }), { taskContent });
    expect(of('abc')).not.to.equal(of('def'));
    expect(of()).to.equal(undefined);
    const judged = (regraded?: string) => appliedHash(specOf({ regrade: { trial: 'a' } }), { regraded });
    expect(judged('s3://b/trials/r/a__1/')).not.to.equal(judged('s3://b/trials/r/a__2/'));
    expect(judged()).to.equal(undefined);
  });

  it('is not known of a task without a version, nor kept of a Trial that stores nothing', () => {
    const { version: _, ...unversioned } = STORED;
    expect(hashOf({ task: { ...unversioned, s3: { uri: 's3://artifacts/tasks/mine' } } })).to.equal(
      undefined,
    );
    expect(hashOf({ task: unversioned }), 'of the key').not.to.equal(undefined);
    expect(hashOf({ uploadResults: false })).to.equal(undefined);
  });
});

describe('the record of an outcome', () => {
  it('has what came of the Trial, and nothing of its objects', () => {
    const { uid = '' } = aTrial().metadata;
    expect(record()).to.deep.equal({
      schema_version: 1,
      namespace: 'default',
      name: 'hello',
      hash: hashOf(),
      run: 'adhoc',
      trial: { trial: 'hello__1234567', uid, finishedAt: stampOf(T0) },
      end: { kind: 'done', reason: 'RewardObtained', message: 'Succeeded says so' },
      outcome: {
        reward: 0.5,
        rewards: { reward: 0.5 },
        logs: { url: 'http://log' },
        timings: { verifier: { startTime: stampOf(T0) } },
      },
      conditions: [
        { type: 'Verified', status: 'True', reason: 'RewardObtained', message: 'Verified says so' },
      ],
    });
  });

  it('is made of results and of failures of agent, verifier and task, and of no other end', () => {
    const failed = Object.keys(TRIAL_FAILED) as (keyof typeof TRIAL_FAILED)[];
    const kept = failed.filter((reason) => recordFor({ conditions: conditions('False', reason) }));
    const ours = failed.filter((reason) => ['agent', 'verifier'].includes(TRIAL_FAILED[reason].fault));
    expect(kept.sort()).to.deep.equal([...ours, 'HealthcheckFailed', 'StepSetupFailed'].sort());
    for (const reason of ['Cancelled', 'NodeLost', 'ImageNotFound', 'BuildFailed', 'SecretNotFound'])
      expect(kept).not.to.include(reason);
    expect(recordFor({ conditions: conditions('True', 'VerifierDisabled') })).not.to.equal(undefined);
  });

  it('is not made of an outcome that was taken over: the record is there', () => {
    const { trial: adopted } = record();
    expect(recordFor({ adopted })).to.equal(undefined);
  });

  it('is read as it was made', () => {
    const made = record();
    expect(readApplied(bytes(made), made)).to.deep.equal(made);
  });

  const made = record();
  const spoilt: Record<string, unknown> = {
    'no JSON': '{"schema_version":1,',
    'no object': [],
    empty: '',
    'another namespace’s': { ...made, namespace: 'other' },
    'another Trial’s': { ...made, name: 'other' },
    'of another spec': { ...made, hash: '0'.repeat(64) },
    'of another version': { ...made, schema_version: 2 },
    'an infinite reward': JSON.stringify(made).replace('"reward":0.5', '"reward":1e999'),
    'a reward that is no number': { ...made, outcome: { ...made.outcome, reward: '1' } },
    'a failure that nobody takes over': { ...made, end: { kind: 'failed', reason: 'NodeLost', message: '' } },
    'a reason that is none': { ...made, end: { kind: 'done', reason: 'Whatever', message: '' } },
    'a folder elsewhere': { ...made, trial: { ...made.trial, trial: '../../tasks/x__1234567' } },
    'a time that is none': { ...made, trial: { ...made.trial, finishedAt: 'yesterday' } },
    'a condition of another kind': {
      ...made,
      conditions: [{ type: 'Succeeded', status: 'True', reason: 'RewardObtained', message: '' }],
    },
    'a message beyond what the API server takes': {
      ...made,
      end: { ...made.end, message: 'x'.repeat(1025) },
    },
  };
  for (const [what, contents] of Object.entries(spoilt))
    it(`is not believed where it is ${what}`, () => {
      expect(readApplied(bytes(contents), made)).to.equal(undefined);
    });

  it('brings no fields into a status that are no outcome', () => {
    const outcome = { ...made.outcome, jobName: 'other', attempts: [{ number: 1, jobName: 'other' }] };
    expect(readApplied(bytes({ ...made, outcome }), made)?.outcome).to.deep.equal(made.outcome);
  });
});

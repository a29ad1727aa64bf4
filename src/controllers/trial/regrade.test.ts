import { expect } from 'chai';
import {
  aJob,
  aReadyImage,
  anOutcome,
  aTrial,
  after,
  compiledTrial,
  POD_SETTINGS,
} from '../../../test/support/builders/objects.ts';
import { expectGolden } from '../../../test/support/golden.ts';
import { aTrialSeen, READY } from '../../../test/support/builders/trial-seen.ts';
import { present } from '../../crds/present.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Store } from '../../kube/types.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { mapRoles } from '../../crds/trial-status.ts';
import { securityLevelOf } from '../../pods/reading/security-level.ts';
import { regradedOf } from '../../pods/regraded.ts';
import { trialPrefix } from '../../results/keys.ts';
import type { Source } from '../../results/source.ts';
import { trialResult } from '../../results/trial-result.ts';
import { nextAction } from './decide.ts';
import { jobFor } from './manifests.ts';
import type { Observed } from './observed.ts';
import { trialStatus } from './status.ts';
import { seeSource } from './task.ts';

const condition = (status: 'True' | 'Unknown') => ({
  type: 'Succeeded',
  status,
  reason: status === 'True' ? 'RewardObtained' : 'Running',
  message: '',
  lastTransitionTime: '',
});

const stored = { files: 3, bytes: 42, skipped: 0, collected: 1, manifestSha256: 'a'.repeat(64) };
const ended = { conditions: [condition('True')], reward: 0.5, rewards: { reward: 0.5 } };

/** A Trial that ended, in the run `nightly`. */
const theFirst = (over: { spec?: object; status?: Trial['status']; metadata?: object } = {}): Trial => {
  const trial = aTrial({
    name: 'first',
    spec: { run: 'nightly', ...over.spec },
    status: over.status ?? ended,
  });
  return { ...trial, metadata: { ...trial.metadata, ...over.metadata } };
};

/** A Trial that judges it again. */
const again = (spec: object = {}, status?: Trial['status']): Trial =>
  aTrial({
    name: 'again',
    spec: {
      run: 'nightly-g1',
      regrade: { trial: 'first' },
      verifier: { disabled: false, mode: 'Separate' },
      ...spec,
    },
    ...present({ status }),
  });

const BUCKET = 'artifacts';

/** What a regrade finds where `objects` are in the cluster, and the results of the first Trial in the bucket. */
async function found(trial: Trial, objects: Trial[] = [theFirst()], result: object = {}) {
  const artifacts = memoryArtifactStore({ bucket: BUCKET });
  const whole = trialResult({ trial: theFirst(), status: ended, outcome: anOutcome({ stored }) });
  await artifacts.put(`${trialPrefix(theFirst())}result.json`, JSON.stringify({ ...whole, ...result }));
  const get = ({ namespace, name }: { namespace: string; name: string }) =>
    objects.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  const trials = { get } as Store<Trial>;
  return await seeSource({ trials, artifacts }, trial, compiledTrial(trial));
}

const URI = `s3://${BUCKET}/${trialPrefix(theFirst())}`;
const bySpec = (uri: string): object => ({ regrade: { s3: { uri } } });

describe('what a regrade judges again', () => {
  it('is a Trial of its namespace, by its name or by its results', async () => {
    const expected = { kind: 'found', trial: 'first__1234567', uri: URI, reward: 0.5 };
    expect(await found(again())).to.deep.include(expected);
    expect(await found(again(bySpec(URI)), [])).to.deep.include(expected);
  });

  it('stays what an earlier attempt found, though the object is gone since', async () => {
    const status = { regraded: { trial: 'first__1234567', uri: URI } };
    expect(await found(again({}, status), [])).to.deep.include({ kind: 'found', uri: URI });
  });

  const faults: [what: string, sees: () => ReturnType<typeof found>, reason: string, message: RegExp][] = [
    [
      'that is not there',
      () => found(again(), []),
      'SourceNotFound',
      /no Trial default\/first; .*spec\.regrade\.s3\.uri/,
    ],
    [
      'of another namespace, by its name',
      () => found(again(), [theFirst({ metadata: { namespace: 'team-b' } })]),
      'SourceNotFound',
      /no Trial default\/first/,
    ],
    [
      'of another namespace, by its results',
      () => found(again(bySpec(URI)), [], { namespace: 'team-b' }),
      'SourceNotFound',
      /no results of a Trial of namespace default/,
    ],
    [
      'in another bucket',
      () => found(again(bySpec(`s3://theirs/${trialPrefix(theFirst())}`))),
      'SourceNotFound',
      /not under s3:\/\/artifacts\/trials\//,
    ],
    [
      'by a URI that leads out of its prefix',
      () => found(again(bySpec(`s3://${BUCKET}/trials/nightly/../nightly/first__1234567/`))),
      'SourceNotFound',
      /no results/,
    ],
    [
      'that goes on',
      () => found(again(), [theFirst({ status: { conditions: [condition('Unknown')] } })]),
      'SourceNotFinished',
      /has not ended; create the regrade again/,
    ],
    [
      'by its own name',
      () => found(again({ regrade: { trial: 'again' } }), [again()]),
      'SourceNotFinished',
      /ended/,
    ],
    [
      'that is being deleted',
      () => found(again(), [theFirst({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } })]),
      'SourceUnusable',
      /being deleted; give its status\.s3TrialUri/,
    ],
    [
      'that stored nothing',
      () => found(again(), [theFirst({ spec: { uploadResults: false } })]),
      'SourceUnusable',
      /uploadResults is false/,
    ],
    [
      'whose name a Trial with other results has now',
      () => found(again(), [theFirst({ metadata: { uid: '12345678-ffff-bbbb-cccc-000000000000' } })]),
      'SourceNotFound',
      /no results/,
    ],
    [
      'of another task',
      () => found(again({ task: { name: 'other' } })),
      'SourceMismatch',
      /ran the task hello/,
    ],
    [
      'of another agent',
      () => found(again({ agent: { name: 'nop' } })),
      'SourceMismatch',
      /the agent oracle/,
    ],
    ['of its own run', () => found(again({ run: 'nightly' })), 'SourceMismatch', /count it twice/],
  ];
  for (const [what, sees, reason, message] of faults)
    it(`is none ${what}`, async () => {
      const read = await sees();
      expect(read).to.include({ kind: 'faulty', reason });
      expect(read.kind === 'faulty' && read.message).to.match(message);
    });
});

const source: Source = {
  prefix: trialPrefix(theFirst()),
  uid: 'u',
  run: 'nightly',
  trial: 'first__1234567',
  uri: URI,
  task: 'hello',
  agent: { name: 'oracle' },
  steps: [],
  collected: 1,
  shared: false,
  manifestSha256: 'a'.repeat(64),
  reward: 0.5,
  rewards: { reward: 0.5 },
};
const regraded = { trial: 'first__1234567', uri: URI, reward: 0.5, rewards: { reward: 0.5 } };

describe('the Job of a regrade', () => {
  const jobOf = (trial = again(), more: object = {}) => {
    const compiled = compiledTrial(trial);
    const images = mapRoles(compiled.spec.environments, (_, role) => aReadyImage(role));
    return jobFor(compiled, 1, { images, settings: POD_SETTINGS, source, ...more });
  };

  it('looks as it always did', async () => {
    await expectGolden('trial-job-regrade.yaml', jobOf());
  });

  it('has no container of the agent’s, and nothing of the agent’s own', () => {
    const env = [{ name: 'API', secretKeyRef: { name: 'keys', key: 'api' } }];
    const job = jobOf(again({ agent: { name: 'custom', run: 'x', install: 'y', env } }));
    const { initContainers = [], containers = [] } = job.spec?.template.spec ?? {};
    expect([...initContainers, ...containers].map(({ name }) => name)).to.deep.equal(['courier', 'verifier']);
    expect(JSON.stringify(job)).not.to.match(/SB_SECRET/);
  });

  it('needs GPUs only where its verifier does', () => {
    const environment = { gpus: 1 };
    const job = jobOf(again({ environment }));
    expect(job.spec?.template.spec?.tolerations).to.deep.include({
      key: 'nvidia.com/gpu',
      operator: 'Exists',
      effect: 'NoSchedule',
    });
  });

  it('meets Pod Security restricted in a namespace with users of its own', () => {
    const trial = again({ environment: { allowPrivilegeEscalation: false } });
    const { spec } = jobOf(trial, { users: { first: 1000, last: 1002 } }).spec?.template ?? {};
    expect(spec && securityLevelOf(spec)).to.equal('restricted');
  });

  it('says what is judged again', () => {
    expect(regradedOf(jobOf().spec?.template.metadata?.annotations)).to.deep.equal(regraded);
  });

  it('says nothing of what is no JSON, or not there', () => {
    expect(regradedOf({ 'sb.abundant.ai/regraded': '{' })).to.equal(undefined);
    expect(regradedOf()).to.equal(undefined);
  });

  it('tells the status, whoever made it', () => {
    const links = {
      files: memoryArtifactStore({ bucket: BUCKET }),
      logs: { trial: () => ({ url: '' }), build: () => ({ url: '' }) } as never,
    };
    const seen = { ...aTrialSeen({ trial: again(), job: { kind: 'own', job: jobOf() } }), now: after(9) };
    expect(trialStatus(seen, { kind: 'jobCreated' }, links).regraded).to.deep.equal(regraded);
    const other = aTrialSeen({ trial: aTrial(), job: { kind: 'own', job: aJob(aTrial()) } });
    expect(trialStatus(other, { kind: 'jobCreated' }, links)).not.to.have.property('regraded');
  });

  it('is made of what was found', () => {
    const seen = aTrialSeen({ trial: again() });
    if (seen.need !== 'inputs' || !('images' in seen)) throw new Error('inputs are needed');
    const { image } = READY as typeof READY & { kind: 'ready' };
    const images = mapRoles(seen.compiled.spec.environments, () => ({ kind: 'ready' as const, image }));
    const action = nextAction({ ...seen, images, source } satisfies Observed);
    expect(action).to.deep.include({ kind: 'createJob', source });
  });
});

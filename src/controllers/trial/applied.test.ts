import { expect } from 'chai';
import { after, anOutcome, aTrial, stampOf } from '../../../test/support/builders/objects.ts';
import { aTrialSeen } from '../../../test/support/builders/trial-seen.ts';
import { conditionOf, seenAgain } from '../../crds/conditions.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { storedLogLinks } from '../../providers/log-links/stored.ts';
import type { AppliedOutcome } from '../../results/applied.ts';
import { recordOf } from '../../results/record.ts';
import { mayAdopt } from './applied.ts';
import { nextAction } from './decide.ts';
import type { Done } from './done.ts';
import type { Observed } from './observed.ts';
import { AppliedOutcomes, storeApplied } from './record.ts';
import { trialStatus } from './status.ts';

const NAMED = { taskContent: 'abc' };

/** The same, created again. */
const again = (trial: Trial, uid = 'another'): Trial => ({ ...trial, metadata: { ...trial.metadata, uid } });

function aWorld() {
  const artifacts = memoryArtifactStore({ bucket: 'artifacts' });
  const warnings: object[] = [];
  const gets: string[] = [];
  const get = artifacts.get.bind(artifacts);
  artifacts.get = (key, maxBytes) => {
    gets.push(key);
    return get(key, maxBytes);
  };
  const sources = { artifacts, log: { warn: (fields: object) => void warnings.push(fields) } };
  return { artifacts, warnings, gets, sources, applied: new AppliedOutcomes(sources) };
}

const links = (files: ReturnType<typeof memoryArtifactStore>) => ({ files, logs: storedLogLinks() });

/** The status of a Trial that ended so, after an attempt at a ConfigMap of the content `abc`. */
function endedWith(done: Done, over: Partial<Parameters<typeof aTrialSeen>[0]> = {}): TrialStatus {
  const recorded = { number: 1, jobName: 'hello-1', taskContent: 'abc' };
  const trial = aTrial({ status: { attempts: [recorded] } });
  const seen = aTrialSeen({ trial, recorded, outcome: anOutcome(), now: after(9), ...over });
  return trialStatus(seen, done, links(memoryArtifactStore({ bucket: 'artifacts' })));
}

const rewarded = (): TrialStatus => endedWith({ kind: 'succeed', outcome: anOutcome() });

/** What a Trial that comes again is to take over. */
async function takenOver(status: TrialStatus, trial = again(aTrial())): Promise<AppliedOutcome | undefined> {
  const world = aWorld();
  await storeApplied(world.sources, aTrial(), status);
  return world.applied.of(trial, NAMED);
}

describe('a Trial that comes again', () => {
  const adopt = async (status: TrialStatus): Promise<{ seen: Observed; next: TrialStatus }> => {
    const applied = await takenOver(status);
    if (!applied) throw new Error('there is nothing to take over');
    const seen: Observed = {
      ...aTrialSeen({ trial: again(aTrial()), now: after(60) }),
      need: 'applied',
      applied,
    };
    const action = nextAction(seen);
    if (action.kind !== 'adopt') throw new Error(action.kind);
    const files = memoryArtifactStore({ bucket: 'artifacts' });
    return { seen, next: trialStatus(seen, action, links(files)) };
  };

  it('takes over reward, files, log and times of the Trial that ran, and says so', async () => {
    const before = rewarded();
    const { next } = await adopt(before);
    expect(next).to.deep.include({
      reward: 1,
      rewards: { reward: 1 },
      timings: before.timings,
      integrity: before.integrity,
      logs: before.logs,
      s3TrialUri: 's3://artifacts/trials/adhoc/hello__1234567/',
      adopted: { trial: 'hello__1234567', uid: aTrial().metadata.uid, finishedAt: stampOf(after(9)) },
      // Of this object: its time to live has just begun.
      finishedAt: stampOf(after(60)),
    });
    expect(next).not.to.have.any.keys('attempts', 'jobName', 'podName');
    expect(conditionOf({ status: next }, 'Succeeded')).to.deep.include({
      status: 'True',
      reason: 'AlreadyRan',
      message: `RewardObtained: reward 1; hello__1234567 ended so at ${stampOf(after(9))}; nothing was run again`,
    });
    const types = ['AgentFinished', 'Verified', 'Uploaded', 'Complete'];
    for (const type of types) expect(conditionOf({ status: next }, type)?.status, type).to.equal('True');
  });

  it('keeps the reason of a failure, which says whose fault it was', async () => {
    const { next } = await adopt(endedWith({ kind: 'fail', reason: 'RewardMissing', message: 'no reward' }));
    expect(conditionOf({ status: next }, 'Succeeded')).to.deep.include({
      status: 'False',
      reason: 'RewardMissing',
    });
    expect(conditionOf({ status: next }, 'Stalled')?.message).to.contain('nothing was run again');
    expect(next.exception?.type).to.equal('RewardMissing');
    expect(next.adopted?.trial).to.equal('hello__1234567');
  });

  it('is in no index besides: the Trial that ran is', async () => {
    const { seen, next } = await adopt(rewarded());
    expect(recordOf({ ...seen.trial, status: next })).to.equal(undefined);
  });

  it('runs where the other was cancelled, or lost to infrastructure', async () => {
    for (const reason of ['Cancelled', 'NodeLost', 'StartTimeout'] as const)
      expect(await takenOver(endedWith({ kind: 'fail', reason, message: 'm' })), reason).to.equal(undefined);
  });

  it('runs where it asks for something else, or the task is another', async () => {
    expect(await takenOver(rewarded(), again(aTrial({ spec: { run: 'other' } })))).to.equal(undefined);
    const world = aWorld();
    await storeApplied(world.sources, aTrial(), rewarded());
    expect(await world.applied.of(again(aTrial()), { taskContent: 'def' })).to.equal(undefined);
  });

  it('runs where it is to run always, or has begun an attempt of its own', () => {
    expect(mayAdopt(aTrial())).to.equal(true);
    expect(mayAdopt(aTrial({ spec: { rerun: 'Always' } }))).to.equal(false);
    expect(mayAdopt(aTrial({ status: { attempts: [{ number: 1, jobName: 'hello-1' }] } }))).to.equal(false);
  });

  it('asks the store once, however often it is looked at before its first attempt', async () => {
    const { applied, gets } = aWorld();
    for (let look = 0; look < 3; look += 1) await applied.of(aTrial(), NAMED);
    expect(gets).to.have.length(1);
    await applied.of(again(aTrial()), NAMED);
    expect(gets).to.have.length(2);
  });

  it('does not take over what it stored itself before a crash: its courier’s word says more', async () => {
    expect(await takenOver(rewarded(), aTrial())).to.equal(undefined);
  });

  for (const [what, contents] of [
    ['no record', 'garbage'],
    ['too large', ' '.repeat(64 * 1024 + 1)],
    ['empty', ''],
  ] as const)
    it(`runs, with a word in the log, where what is stored is ${what}`, async () => {
      const { artifacts, applied, sources, gets, warnings } = aWorld();
      await storeApplied(sources, aTrial(), rewarded());
      await applied.of(again(aTrial(), 'first'), NAMED);
      await artifacts.put(gets[0] ?? '', contents);
      expect(await applied.of(again(aTrial()), NAMED)).to.equal(undefined);
      expect(warnings).to.deep.equal([{ key: gets[0] }]);
    });

  it('fails where the store does not answer, rather than run twice', async () => {
    const { artifacts, applied } = aWorld();
    artifacts.get = () => Promise.reject(new Error('gone'));
    const failure = await applied.of(aTrial(), NAMED).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
  });
});

describe('the conditions for tools that know no Trials', () => {
  const typesOf = (status: TrialStatus): string[] =>
    (status.conditions ?? []).flatMap(({ type, status: holds }) =>
      holds === 'True' && ['Reconciling', 'Stalled', 'Complete', 'Failed'].includes(type) ? [type] : [],
    );

  it('are Reconciling while the Trial goes on, and Complete or Failed and Stalled at its end', () => {
    const wait = { kind: 'wait', reason: 'Running', message: 'm' } as const;
    expect(typesOf(endedWith(wait))).to.deep.equal(['Reconciling']);
    expect(typesOf(rewarded())).to.deep.equal(['Complete']);
    const failed = endedWith({ kind: 'fail', reason: 'OOMKilled', message: 'm' });
    expect(typesOf(failed)).to.deep.equal(['Failed', 'Stalled']);
  });

  it('are told anew of a Trial that has ended when its spec changes, and otherwise as they were', () => {
    const trial = { ...aTrial(), status: rewarded() };
    expect(seenAgain(trial)).to.equal(undefined);
    const changed = { ...trial, metadata: { ...trial.metadata, generation: 2 } };
    const status = seenAgain(changed);
    expect(status?.observedGeneration).to.equal(2);
    expect(status?.conditions?.map(({ observedGeneration }) => observedGeneration)).to.include.members([2]);
    const { conditions: _, observedGeneration: _o, ...rest } = status ?? {};
    const { conditions: _c, observedGeneration: _g, ...before } = trial.status;
    expect(rest).to.deep.equal(before);
    expect(seenAgain({ ...changed, status: status ?? {} })).to.equal(undefined);
  });
});

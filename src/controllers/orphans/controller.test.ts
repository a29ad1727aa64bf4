import { expect } from 'chai';
import { after, aJob, aPod, aTrial, endedPod, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Attempt } from '../../crds/trial-status.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { Job, Pod } from '../../kube/kinds.ts';
import type { DeleteOptions, Kind, KubeClient, KubeObject, ObjectKey } from '../../kube/types.ts';
import { byControllerUid } from '../../pods/ownership.ts';
import { concerns, leftBehindInMs, orphansController } from './controller.ts';

const KEY: ObjectKey = { namespace: 'default', name: 'hello-1' };
const OPEN: Attempt = { number: 1, jobName: 'hello-1' };
const CLOSED: Attempt = { ...OPEN, completionTime: stampOf(T0) };

const withAttempts = (...attempts: Attempt[]): Trial => aTrial({ status: { attempts } });

/** A Trial that has ended. */
function over(...attempts: Attempt[]): Trial {
  const succeeded = { type: 'Succeeded', status: 'False', reason: 'Cancelled', message: '' } as const;
  return aTrial({ status: { attempts, conditions: [{ ...succeeded, lastTransitionTime: stampOf(T0) }] } });
}

const job = aJob(aTrial());
const endedJob = (type: 'Complete' | 'Failed'): Job => ({
  ...job,
  status: { conditions: [{ type, status: 'True' }] },
});

/** Reconciles what the caches show, so many seconds after T0. */
async function pass(seen: { job?: Job; trial?: Trial; pod?: Pod }, seconds = 60) {
  const pods = new ObjectCache<Pod>(Pod);
  pods.addIndex('owner', byControllerUid);
  if (seen.pod) pods.put(seen.pod);
  const trials = new ObjectCache<Trial>(TrialKind);
  const jobs = new ObjectCache<Job>(Job);
  if (seen.trial) trials.put(seen.trial);
  if (seen.job) jobs.put(seen.job);
  const deleted: { kind: string; key: ObjectKey; options: DeleteOptions }[] = [];
  const kube = {
    delete: async ({ kind }: Kind<KubeObject>, key: ObjectKey, options: DeleteOptions) =>
      deleted.push({ kind, key, options }) > 0,
  } as unknown as KubeClient;
  const reconcile = orphansController({ kube, jobs, pods, trials, now: () => after(seconds) });
  return { again: await reconcile(KEY, new AbortController().signal), deleted };
}

const NOTHING = { again: undefined, deleted: [] };

describe('a Job that still runs', () => {
  it('counts as left behind fifteen seconds after its attempt was closed', () => {
    expect(leftBehindInMs(job, withAttempts(CLOSED), after(5))).to.equal(10_000);
    expect(leftBehindInMs(job, withAttempts(CLOSED), after(15))).to.equal(0);
  });

  it('is looked at when it may be left behind, now or later, and not at each of its changes', () => {
    const matters = (trial: Trial | undefined, of: Job = job): boolean => {
      const trials = new ObjectCache<Trial>(TrialKind);
      if (trial) trials.put(trial);
      return concerns({ trials, now: () => after(5) }, of);
    };
    for (const trial of [withAttempts(CLOSED), over(), over(CLOSED)]) expect(matters(trial)).to.equal(true);
    for (const trial of [undefined, withAttempts(), withAttempts(OPEN)])
      expect(matters(trial)).to.equal(false);
    expect(matters(over(CLOSED), endedJob('Complete'))).to.equal(false);
  });

  it('does not while its attempt is open, or its Trial has yet to record it', () => {
    expect(leftBehindInMs(job, withAttempts(OPEN), after(1e6))).to.equal(undefined);
    expect(leftBehindInMs(job, withAttempts(), after(1e6))).to.equal(undefined);
  });

  it('does at once where its Trial has ended without it', () => {
    expect(leftBehindInMs(job, over(), T0)).to.equal(0);
  });

  it('waits its fifteen seconds where its Trial has ended with it', () => {
    expect(leftBehindInMs(job, over(CLOSED), after(5))).to.equal(10_000);
  });
});

describe('the orphans controller', () => {
  it('looks again when the Job counts as left behind', async () => {
    expect(await pass({ job, trial: withAttempts(CLOSED) }, 5)).to.deep.equal({
      again: { requeueAfterMs: 10_000 },
      deleted: [],
    });
  });

  it('deletes a Job that was left behind: that very object, with its Pod', async () => {
    for (const trial of [withAttempts(CLOSED), over()])
      expect(await pass({ job, trial })).to.deep.equal({
        again: undefined,
        deleted: [{ kind: 'Job', key: KEY, options: { uid: job.metadata.uid, propagation: 'Background' } }],
      });
  });

  it('leaves alone the Job of an attempt under way', async () => {
    expect(await pass({ job, trial: withAttempts(OPEN) })).to.deep.equal(NOTHING);
  });

  it('leaves alone a Job that has ended: its Pod may still be read', async () => {
    for (const type of ['Complete', 'Failed'] as const)
      expect(await pass({ job: endedJob(type), trial: over(CLOSED) })).to.deep.equal(NOTHING);
  });

  it('leaves alone a Job whose Pod has ended while the Job controller was away: its log may be the only one', async () => {
    const pod = aPod(job, { status: endedPod('') });
    expect(await pass({ job, pod, trial: over(CLOSED) })).to.deep.equal(NOTHING);
  });

  it('deletes a Job whose Pod runs on, and one beside which somebody wrote a Pod that has ended', async () => {
    const runs = aPod(job, { status: { phase: 'Running' } });
    const ended = aPod(job, { status: endedPod('') });
    const forged = { ...ended, spec: { containers: [] } };
    for (const pod of [runs, forged])
      expect((await pass({ job, pod, trial: over(CLOSED) })).deleted).to.have.length(1);
  });

  it('leaves alone a Job that is gone, or going', async () => {
    const metadata = { ...job.metadata, deletionTimestamp: stampOf(T0) };
    expect(await pass({ trial: over() })).to.deep.equal(NOTHING);
    expect(await pass({ job: { ...job, metadata }, trial: over() })).to.deep.equal(NOTHING);
  });

  it('leaves the Jobs of a Trial that was deleted to the garbage collector, made again under its name or not', async () => {
    const trial = over();
    const again = { ...trial, metadata: { ...trial.metadata, uid: 'another' } };
    expect(await pass({ job })).to.deep.equal(NOTHING);
    expect(await pass({ job, trial: again })).to.deep.equal(NOTHING);
  });

  it('leaves alone a Job that no Trial controls', async () => {
    const [owner] = job.metadata.ownerReferences ?? [];
    const claims = [
      [],
      owner ? [{ ...owner, controller: false }] : [],
      owner ? [{ ...owner, kind: 'TaskBuild' }] : [],
    ];
    for (const ownerReferences of claims) {
      const foreign = { ...job, metadata: { ...job.metadata, ownerReferences } };
      expect(await pass({ job: foreign, trial: over() })).to.deep.equal(NOTHING);
    }
  });
});

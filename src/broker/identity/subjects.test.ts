import { expect } from 'chai';
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../crds/kinds.ts';
import { ANNOTATION, LABEL } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import { Job, Pod } from '../../kube/kinds.ts';
import { cacheOf, TestCluster } from '../testing/cluster.ts';
import {
  afterAttempts,
  buildJob,
  buildPod,
  IMAGE,
  taskBuild,
  trialJob,
  trialPod,
  trialWith,
} from '../testing/objects.ts';
import { subjects } from './subjects.ts';
import type { SubjectSources } from './subjects.ts';

const now = () => new Date('2026-03-01T12:00:00Z');

const identityOf = ({ metadata }: Pod) => ({
  namespace: metadata.namespace ?? '',
  podName: metadata.name,
  podUid: metadata.uid ?? '',
  serviceAccount: 'default',
});

describe('subject of a Pod', () => {
  const trial = trialWith();
  let cluster: TestCluster;
  beforeEach(() => {
    cluster = new TestCluster();
  });

  const sources = (seen: Partial<SubjectSources>): SubjectSources => ({
    kube: cluster.kube,
    pods: cacheOf<Pod>(),
    jobs: cacheOf<Job>(),
    trials: cacheOf<Trial>(),
    taskBuilds: cacheOf(taskBuild),
    now,
    ...seen,
  });
  /** Everything in the caches as it should be, but for `change`. */
  const trialOf = (pod: Pod, change: Partial<SubjectSources> = {}) =>
    subjects(
      sources({ pods: cacheOf(pod), jobs: cacheOf(trialJob(trial)), trials: cacheOf(trial), ...change }),
    ).trialOf(identityOf(pod));
  const podWith = (metadata: Partial<Pod['metadata']>): Pod => {
    const pod = trialPod(trial);
    return { ...pod, metadata: { ...pod.metadata, ...metadata } };
  };

  it('is the Trial whose current attempt it runs, without a word to the API server', async () => {
    const recorded = afterAttempts(trial, 1);
    expect(await trialOf(trialPod(trial), { trials: cacheOf(recorded) })).to.deep.equal({
      trial: recorded,
      attempt: 1,
      image: IMAGE,
    });
    expect(cluster.calls).to.deep.equal([]);
  });

  it('is known before the status records the attempt', async () => {
    expect(await trialOf(trialPod(trial))).to.include({ attempt: 1 });
  });

  it('is asked for once at the API server where the cache is a moment behind', async () => {
    cluster.put(Pod, trialPod(trial));
    cluster.put(Job, trialJob(trial));
    cluster.put(TrialKind, trial);
    const found = await subjects(sources({})).trialOf(identityOf(trialPod(trial)));
    expect(found).to.include({ attempt: 1 });
    expect(cluster.calls).to.deep.equal([
      'get pods/evals/solve-1-x7k2p',
      'get jobs/evals/solve-1',
      'get trials/evals/solve',
    ]);
  });

  it('is nobody once the Pod is gone', async () => {
    const found = await trialOf(trialPod(trial), { pods: cacheOf<Pod>() });
    expect(found).to.include({ status: 403, reason: 'PodGone' });
    expect(cluster.calls).to.deep.equal(['get pods/evals/solve-1-x7k2p']);
  });

  it('is nobody when another Pod has taken the name', async () => {
    const pod = trialPod(trial);
    const later = podWith({ uid: 'later-uid' });
    cluster.put(Pod, later);
    expect(await trialOf(pod, { pods: cacheOf(later) })).to.include({ reason: 'PodGone' });
  });

  it('is still the Trial while the Pod terminates within its grace period, and nobody after', async () => {
    expect(await trialOf(podWith({ deletionTimestamp: '2026-03-01T12:00:20Z' }))).to.include({ attempt: 1 });
    const over = await trialOf(podWith({ deletionTimestamp: '2026-03-01T11:59:59Z' }));
    expect(over).to.include({ status: 403, reason: 'PodGone' });
  });

  it('is nobody for a Pod that is not ours', async () => {
    expect(await trialOf(podWith({ labels: {} }))).to.include({ status: 403, reason: 'NotOurPod' });
    const labels = { [LABEL.trial]: 'solve', [LABEL.attempt]: 'first' };
    expect(await trialOf(podWith({ labels }))).to.include({ reason: 'NotOurPod' });
  });

  it('is nobody for a Pod that only says it is ours', async () => {
    const found = await trialOf(podWith({ ownerReferences: [] }));
    expect(found).to.include({ status: 403, reason: 'NoSuchOwner' });
    const [owner] = trialPod(trial).metadata.ownerReferences ?? [];
    const notController = await trialOf(
      podWith({ ownerReferences: owner ? [{ ...owner, controller: false }] : [] }),
    );
    expect(notController).to.include({ reason: 'NoSuchOwner' });
  });

  it('is nobody for a Pod whose label names another attempt than its Job', async () => {
    const labels = { [LABEL.trial]: 'solve', [LABEL.attempt]: '2' };
    expect(await trialOf(podWith({ labels }))).to.include({ status: 403, reason: 'NotOurPod' });
  });

  it('is nobody for a Job that no Trial controls', async () => {
    const job = trialJob(trial);
    const jobs = cacheOf<Job>({ ...job, metadata: { ...job.metadata, ownerReferences: [] } });
    expect(await trialOf(trialPod(trial), { jobs })).to.include({ status: 403, reason: 'NoSuchOwner' });
  });

  it('is nobody after its Trial was deleted and created again', async () => {
    const again = { ...trial, metadata: { ...trial.metadata, uid: 'again-uid' } };
    cluster.put(TrialKind, again);
    expect(await trialOf(trialPod(trial), { trials: cacheOf(again) })).to.include({ reason: 'NoSuchOwner' });
  });

  it('is nobody for an older attempt, as soon as the status or the next Job tells of a later one', async () => {
    const older = { status: 403, reason: 'OlderAttempt' };
    expect(await trialOf(trialPod(trial), { trials: cacheOf(afterAttempts(trial, 2)) })).to.include(older);
    const jobs = cacheOf(trialJob(trial), trialJob(trial, 2));
    expect(await trialOf(trialPod(trial), { jobs })).to.include(older);
  });

  it('is the Trial for its second attempt', async () => {
    const jobs = cacheOf(trialJob(trial), trialJob(trial, 2));
    const found = await trialOf(trialPod(trial, 2), { jobs, trials: cacheOf(afterAttempts(trial, 1)) });
    expect(found).to.include({ attempt: 2 });
  });

  it('is found for a Trial whose name is too long for a label', async () => {
    const long = { ...trial, metadata: { ...trial.metadata, name: 'x'.repeat(200) } };
    const found = await trialOf(trialPod(long), { trials: cacheOf(long), jobs: cacheOf(trialJob(long)) });
    expect(found).to.include({ attempt: 1 });
  });

  it('is refused where the image’s config cannot be read', async () => {
    const annotations = { [ANNOTATION.imageConfig]: '{' };
    expect(await trialOf(podWith({ annotations }))).to.include({ reason: 'BrokenPod' });
  });

  it('rejects where only the API server could tell and does not answer', async () => {
    cluster.down = true;
    const error = await trialOf(trialPod(trial), { pods: cacheOf<Pod>() }).catch((e: unknown) => e);
    expect(error).to.include({ reason: 'Unreachable' });
  });

  describe('that builds an image', () => {
    it('is the TaskBuild that controls its Job', async () => {
      cluster.put(Pod, buildPod);
      cluster.put(Job, buildJob);
      expect(await subjects(sources({})).taskBuildOf(identityOf(buildPod))).to.equal(taskBuild);
    });

    it('is nobody where the Job is not the TaskBuild’s', async () => {
      cluster.put(Pod, buildPod);
      cluster.put(Job, { ...buildJob, metadata: { ...buildJob.metadata, ownerReferences: [] } });
      cluster.put(TaskBuildKind, taskBuild);
      const found = await subjects(sources({})).taskBuildOf(identityOf(buildPod));
      expect(found).to.include({ status: 403, reason: 'NoSuchOwner' });
    });

    it('is nobody for the Pod of a Trial', async () => {
      const found = await subjects(sources({ pods: cacheOf(trialPod(trial)) })).taskBuildOf(
        identityOf(trialPod(trial)),
      );
      expect(found).to.include({ status: 403, reason: 'NotOurPod' });
    });
  });
});

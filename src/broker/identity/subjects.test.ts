import { expect } from 'chai';
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../crds/kinds.ts';
import { ANNOTATION, LABEL } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import { ApiError } from '../../kube/errors.ts';
import { Job, Pod } from '../../kube/kinds.ts';
import { cacheOf, NO_SANDBOXES, TestCluster } from '../../../test/support/broker/cluster.ts';
import {
  afterAttempts,
  buildJob,
  buildPod,
  IMAGE,
  taskBuild,
  trialJob,
  trialPod,
  trialWith,
} from '../../../test/support/broker/objects.ts';
import { LIVE_PER_NAMESPACE, LIVE_PER_SECOND } from './lookup.ts';
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
    ...NO_SANDBOXES,
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

  /** The Trial's Job with other metadata in its template. */
  const jobWith = (metadata: {
    labels: Record<string, string>;
    annotations?: Record<string, string>;
  }): Job => {
    const job = trialJob(trial);
    const template = { spec: { containers: [] }, ...job.spec?.template, metadata };
    return { ...job, spec: { ...job.spec, template } };
  };

  it('is the Trial whose current attempt it runs, without a word to the API server', async () => {
    const recorded = afterAttempts(trial, 1);
    expect(await trialOf(trialPod(trial), { trials: cacheOf(recorded) })).to.deep.equal({
      trial: recorded,
      attempt: 1,
      image: IMAGE,
      verifiers: {},
    });
    expect(cluster.calls).to.deep.equal([]);
  });

  it('tells what a regrade judges again, by what the Job was made for', async () => {
    const regraded = { trial: 'first__1234567', uri: 's3://memory/trials/nightly/first__1234567/' };
    const { labels = {}, annotations = {} } = trialJob(trial).spec?.template.metadata ?? {};
    const job = jobWith({
      labels,
      annotations: { ...annotations, [ANNOTATION.regraded]: JSON.stringify(regraded) },
    });
    expect(await trialOf(trialPod(trial), { jobs: cacheOf(job) })).to.deep.include({ regraded });
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

  it('is asked for at the API server where the cache has heard nothing lately: another attempt may be under way', async () => {
    const stale = { ...cacheOf(trial), fresh: false };
    cluster.put(TrialKind, trial);
    expect(await trialOf(trialPod(trial), { trials: stale })).to.include({ attempt: 1 });
    cluster.put(TrialKind, afterAttempts(trial, 2));
    expect(await trialOf(trialPod(trial), { trials: stale })).to.include({ reason: 'OlderAttempt' });
    expect(cluster.calls).to.deep.equal(['get trials/evals/solve', 'get trials/evals/solve']);
    cluster.down = true;
    const failure = await trialOf(trialPod(trial), { trials: stale }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(ApiError);
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
  });

  it('takes the attempt and the image’s config from the Job, whatever is written on the Pod', async () => {
    const labels = { [LABEL.trial]: 'solve', [LABEL.attempt]: '7' };
    const annotations = { [ANNOTATION.imageConfig]: '{"user":"root","cmd":["evil"]}' };
    expect(await trialOf(podWith({ labels, annotations }))).to.deep.include({ attempt: 1, image: IMAGE });
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

  it('is nobody for a Job without our label, which anyone may have created', async () => {
    const job = trialJob(trial);
    const jobs = cacheOf<Job>({ ...job, metadata: { ...job.metadata, labels: {} } });
    expect(await trialOf(trialPod(trial), { jobs })).to.include({ status: 403, reason: 'NotOurPod' });
  });

  it('is nobody for a Job whose label names another attempt than its name', async () => {
    for (const other of ['2', 'first', '']) {
      const jobs = cacheOf(jobWith({ labels: { [LABEL.attempt]: other } }));
      expect(await trialOf(trialPod(trial), { jobs }), other).to.include({ reason: 'NotOurPod' });
    }
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
    const jobs = cacheOf(
      jobWith({ labels: { [LABEL.attempt]: '1' }, annotations: { [ANNOTATION.imageConfig]: '{' } }),
    );
    expect(await trialOf(trialPod(trial), { jobs })).to.include({ reason: 'BrokenPod' });
  });

  it('rejects where only the API server could tell and does not answer', async () => {
    cluster.down = true;
    const error = await trialOf(trialPod(trial), { pods: cacheOf<Pod>() }).catch((e: unknown) => e);
    expect(error).to.include({ reason: 'Unreachable' });
  });

  describe('that somebody forged', () => {
    /** What a user with `pods create` writes: labels, annotations and owner of the real one, its own containers. */
    const forged = (change: (spec: NonNullable<Pod['spec']>) => void): Pod => {
      const pod = trialPod(trial);
      const spec = structuredClone(pod.spec);
      if (spec) change(spec);
      return {
        ...pod,
        metadata: { ...pod.metadata, name: 'mallory', uid: 'mallory-uid' },
        ...(spec && { spec }),
      };
    };
    const forgeries = {
      'with its own image': forged(({ initContainers: [courier] = [] }) => {
        if (courier) courier.image = 'evil';
      }),
      'with the courier’s image and another command': forged(({ initContainers: [courier] = [] }) => {
        if (courier) courier.command = ['sleep', '1h'];
      }),
      'with a container more': forged(({ containers }) => containers.push({ name: 'x', image: 'x' })),
      'without a courier': forged((spec) => (spec.initContainers = [])),
      'that a debugger entered': forged((spec) => (spec.ephemeralContainers = [{ name: 'debugger' }])),
    };

    for (const [how, pod] of Object.entries(forgeries)) {
      it(`is nobody ${how}, in the cache or at the API server`, async () => {
        expect(await trialOf(pod)).to.include({ status: 403, reason: 'AlteredPod' });
        cluster.put(Pod, pod);
        const found = await trialOf(pod, { pods: cacheOf<Pod>() });
        expect(found).to.include({ status: 403, reason: 'AlteredPod' });
      });
    }

    it('is told what is not as rendered, and no value of it', async () => {
      expect(await trialOf(forgeries['with its own image'])).to.have.property(
        'message',
        'the Pod evals/mallory is not what Job solve-1 says: image of init container courier differs',
      );
    });
  });

  describe('that nobody knows', () => {
    /** One broker that is asked again and again. */
    const asking = (seen: Partial<SubjectSources>) => {
      const broker = subjects(sources(seen));
      return (identity: ReturnType<typeof identityOf>) => broker.trialOf(identity);
    };
    const stranger = (number: number, uid = `uid-${number}`) => ({
      namespace: `team-${number % 10}`,
      podName: `p-${number}`,
      podUid: uid,
      serviceAccount: 'default',
    });

    it('costs the API server one request, however often it asks within seconds', async () => {
      const ask = asking({});
      const answers = await Promise.all(Array.from({ length: 50 }, () => ask(stranger(1))));
      expect(answers.every((answer) => 'reason' in answer && answer.reason === 'PodGone')).to.equal(true);
      expect(cluster.calls).to.have.length(1);
    });

    it('costs one request for an owner that was made up, however many Pods name it', async () => {
      const owned = [1, 2, 3, 4].map((number) => {
        const pod = trialPod(trial);
        const [owner] = pod.metadata.ownerReferences ?? [];
        const ownerReferences = owner ? [{ ...owner, uid: 'made-up' }] : [];
        return {
          ...pod,
          metadata: { ...pod.metadata, name: `p-${number}`, uid: `u-${number}`, ownerReferences },
        };
      });
      const ask = asking({ pods: cacheOf(...owned), jobs: cacheOf(trialJob(trial)) });
      for (const pod of owned) expect(await ask(identityOf(pod))).to.include({ reason: 'NoSuchOwner' });
      expect(cluster.calls).to.deep.equal(['get jobs/evals/solve-1']);
    });

    it('may be there some seconds later', async () => {
      let time = now();
      const ask = asking({ jobs: cacheOf(trialJob(trial)), trials: cacheOf(trial), now: () => time });
      const identity = identityOf(trialPod(trial));
      expect(await ask(identity)).to.include({ reason: 'PodGone' });
      cluster.put(Pod, trialPod(trial));
      time = new Date(time.getTime() + 3001);
      expect(await ask(identity)).to.include({ attempt: 1 });
    });

    it('is asked for again after seconds, where only the API server knows it, and its Job after half a minute', async () => {
      let time = now();
      const ask = asking({ trials: cacheOf(trial), now: () => time });
      cluster.put(Pod, trialPod(trial));
      cluster.put(Job, trialJob(trial));
      const identity = identityOf(trialPod(trial));
      for (let seconds = 0; seconds < 60; seconds++) {
        expect(await ask(identity)).to.include({ attempt: 1 });
        time = new Date(time.getTime() + 1000);
      }
      const asked = (what: string) => cluster.calls.filter((call) => call.startsWith(`get ${what}`)).length;
      expect([asked('pods'), asked('jobs')]).to.deep.equal([20, 2]);
    });

    it('cannot make the operator ask more than so often, and takes no other namespace’s turn', async () => {
      const ask = asking({});
      for (let number = 0; number < 500; number++) await ask({ ...stranger(number), namespace: 'mallory' });
      expect(cluster.calls).to.have.length(LIVE_PER_NAMESPACE);
      expect(await ask({ ...stranger(501), namespace: 'mallory' })).to.include({
        status: 503,
        reason: 'Busy',
      });
      expect(await ask({ ...stranger(502), namespace: 'evals' })).to.include({ reason: 'PodGone' });
      for (let number = 1000; number < 2000; number++) await ask(stranger(number));
      expect(cluster.calls).to.have.length(LIVE_PER_SECOND);
    });

    it('is asked for again where the API server did not answer', async () => {
      const ask = asking({});
      cluster.down = true;
      await ask(stranger(1)).catch(() => undefined);
      cluster.down = false;
      expect(await ask(stranger(1))).to.include({ reason: 'PodGone' });
    });
  });

  describe('that builds an image', () => {
    it('is nobody where the Pod is forged', async () => {
      const [context] = buildPod.spec?.initContainers ?? [];
      const initContainers = context ? [{ ...context, image: 'evil' }] : [];
      cluster.put(Pod, { ...buildPod, spec: { containers: [], ...buildPod.spec, initContainers } });
      cluster.put(Job, buildJob);
      const found = await subjects(sources({})).taskBuildOf(identityOf(buildPod));
      expect(found).to.include({ status: 403, reason: 'AlteredPod' });
    });

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

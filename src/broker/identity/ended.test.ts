import { expect } from 'chai';
import { containerStatus, stampOf, T0, after } from '../../../test/support/builders/objects.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import { cacheOf, NO_SANDBOXES, TestCluster } from '../../../test/support/broker/cluster.ts';
import {
  buildJob,
  buildPod,
  taskBuild,
  trialJob,
  trialPod,
  trialWith,
} from '../../../test/support/broker/objects.ts';
import { subjects } from './subjects.ts';

const identityOf = ({ metadata }: Pod) => ({
  namespace: metadata.namespace ?? '',
  podName: metadata.name,
  podUid: metadata.uid ?? '',
  serviceAccount: 'default',
});

describe('a courier that has no right any more', () => {
  const trial = trialWith();
  const sources = (seen: { pod: Pod; trial?: Trial; build?: typeof taskBuild }) => ({
    kube: new TestCluster().kube,
    pods: cacheOf(seen.pod),
    jobs: cacheOf<Job>(trialJob(trial), buildJob),
    trials: cacheOf(seen.trial ?? trial),
    taskBuilds: cacheOf(seen.build ?? taskBuild),
    ...NO_SANDBOXES,
    now: () => after(100),
  });
  const trialOf = (change: { pod?: Partial<Pod>; trial?: Partial<Trial> }) => {
    const pod = { ...trialPod(trial), ...change.pod };
    return subjects(sources({ pod, trial: { ...trial, ...change.trial } })).trialOf(identityOf(pod));
  };
  const withStatus = (status: TrialStatus) => trialOf({ trial: { status } });
  const condition = (status: 'True' | 'False', reason: string): TrialStatus => ({
    conditions: [{ type: 'Succeeded', status, reason, message: '', lastTransitionTime: stampOf(T0) }],
  });
  const attempt = (over: object = {}) => ({ number: 1, jobName: 'solve-1', ...over });

  it('is refused after the Trial obtained its reward, failed or was cancelled: the outcome is the last word', async () => {
    for (const [status, reason] of [
      ['True', 'RewardObtained'],
      ['False', 'RewardMissing'],
      ['False', 'Cancelled'],
    ] as const) {
      const found = await withStatus(condition(status, reason));
      expect(found).to.include({ status: 403, reason: 'TrialEnded' });
      expect(found).to.have.property('message', `Trial evals/solve ended at 2026-01-01T00:00:00Z: ${reason}`);
    }
  });

  it('is refused while its Trial is being deleted', async () => {
    const metadata = { ...trial.metadata, deletionTimestamp: stampOf(after(99)) };
    expect(await trialOf({ trial: { metadata } })).to.include({ status: 403, reason: 'TrialEnded' });
  });

  it('is refused once its attempt is closed, the next one not begun: a lost node that comes back, a suspended Trial', async () => {
    for (const reason of ['NodeLost', 'Suspended'])
      expect(
        await withStatus({ attempts: [attempt({ completionTime: stampOf(after(90)), reason })] }),
        reason,
      ).to.include({ status: 403, reason: 'AttemptEnded' });
  });

  it('stores what there is while it is told to stop, for a cancellation as for a suspension', async () => {
    const metadata = { ...trialPod(trial).metadata, deletionTimestamp: stampOf(after(120)) };
    for (const asked of ['cancel', 'suspend']) {
      const spec = { ...trial.spec, [asked]: true };
      const status = { attempts: [attempt({ startTime: stampOf(T0) })] };
      expect(await trialOf({ pod: { metadata }, trial: { spec, status } }), asked).to.include({ attempt: 1 });
    }
  });

  it('is refused after its Pod ended', async () => {
    for (const phase of ['Succeeded', 'Failed'])
      expect(await trialOf({ pod: { status: { phase } } })).to.include({ status: 403, reason: 'PodEnded' });
  });

  const courier = (state: object, lastState = {}): Pod['status'] => ({
    phase: 'Running',
    initContainerStatuses: [{ ...containerStatus('courier', state), lastState }],
  });

  it('is refused after its outcome is in the termination message, started again or not', async () => {
    const terminated = { exitCode: 0, reason: 'Completed', message: '{"version":1}' };
    for (const status of [courier({ terminated }), courier({ running: {} }, { terminated })])
      expect(await trialOf({ pod: { status: status ?? {} } })).to.include({ reason: 'PodEnded' });
  });

  it('is not refused for a crash before it, which the cache may still show', async () => {
    const terminated = { exitCode: 137, reason: 'OOMKilled' };
    const status = courier({ terminated }) ?? {};
    expect(await trialOf({ pod: { status } })).to.include({ attempt: 1 });
  });

  describe('to the context of a build', () => {
    const buildOf = (change: Partial<typeof taskBuild>, pod: Pod = buildPod) =>
      subjects(sources({ pod, build: { ...taskBuild, ...change } })).taskBuildOf(identityOf(pod));

    it('is refused after the TaskBuild or its attempt ended, or it was cancelled', async () => {
      const { conditions } = condition('True', 'Built');
      const attempts = [{ number: 1, token: 'sb-build-0123', completionTime: stampOf(T0) }];
      expect(await buildOf({})).to.have.nested.property('metadata.name', 'build-0123');
      expect(await buildOf({ status: { conditions: conditions ?? [] } })).to.include({
        reason: 'BuildEnded',
      });
      expect(await buildOf({ status: { attempts } })).to.include({ reason: 'AttemptEnded' });
      expect(await buildOf({ spec: { ...taskBuild.spec, cancelled: true } })).to.include({
        status: 403,
        reason: 'BuildEnded',
      });
    });

    it('is refused once the container that fetches it is through', async () => {
      const terminated = { exitCode: 0, reason: 'Completed' };
      const initContainerStatuses = [containerStatus('context', { terminated })];
      expect(
        await buildOf({}, { ...buildPod, status: { phase: 'Running', initContainerStatuses } }),
      ).to.include({ reason: 'PodEnded' });
    });
  });
});

import { expect } from 'chai';
import type { Job, Pod } from '../../../kube/kinds.ts';
import { readBuild } from './reading.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const startedAt = '2026-01-01T00:00:00Z';

const job = (status: object = {}, metadata: object = {}): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'b-1', namespace: 'default', uid: 'job', ...metadata },
  status,
});
const gaveUp = {
  conditions: [
    { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'reached the limit' },
  ],
};

const ended = (exitCode: number, message = '') => ({ terminated: { exitCode, message, startedAt } });
const container = (name: string, state: object) => ({
  name,
  state,
  image: '',
  imageID: '',
  ready: false,
  restartCount: 0,
});

/** A Pod by the states of its two containers. */
function pod(
  context: object,
  build: object = { waiting: { reason: 'PodInitializing' } },
  status: object = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'b-1-x', namespace: 'default' },
    spec: {
      restartPolicy: 'Never',
      initContainers: [{ name: 'context' }],
      containers: [{ name: 'build' }],
    },
    status: {
      phase: 'Pending',
      initContainerStatuses: [container('context', context)],
      containerStatuses: [container('build', build)],
      ...status,
    },
  };
}
const failedPod = (status: object): Pod => pod(ended(0), ended(137), { phase: 'Failed', ...status });

const fails = (reason: string, message: string) => ({ kind: 'failed', reason, message, logTail: [] });

describe('state of a build', () => {
  it('is queued while its Pod is missing or waits', () => {
    expect(readBuild(job(), undefined)).to.deep.equal({ kind: 'queued' });
    expect(readBuild(job(), pod({ waiting: { reason: 'ImagePullBackOff' } }))).to.deep.equal({
      kind: 'queued',
    });
  });

  it('runs from the start of its context container on', () => {
    const running = { kind: 'running', since: startedAt };
    expect(readBuild(job(), pod({ running: { startedAt } }))).to.deep.equal(running);
    expect(readBuild(job(), pod(ended(0), { running: { startedAt: '2026-01-01T00:00:09Z' } }))).to.deep.equal(
      running,
    );
  });

  it('succeeded with the digest of the termination message', () => {
    expect(readBuild(job(), pod(ended(0), ended(0, `${digest}\n`)))).to.deep.equal({
      kind: 'succeeded',
      digest,
    });
  });

  it('is lost where buildctl ended well and named no digest', () => {
    expect(readBuild(job(), pod(ended(0), ended(0)))).to.deep.equal(
      fails('BuilderUnavailable', 'the build named no digest'),
    );
  });

  it('failed where buildctl did, for what the end of its log says', () => {
    const broken = pod(ended(0), ended(1, '#5 DONE\nerror: failed to push h/a:1: 403'), { phase: 'Failed' });
    expect(readBuild(job(gaveUp), broken)).to.deep.equal({
      ...fails('PushDenied', 'failed to push h/a:1: 403'),
      logTail: ['#5 DONE', 'error: failed to push h/a:1: 403'],
    });
  });

  it('is what the context container says of the context', () => {
    const message = JSON.stringify({ reason: 'ContextMismatch', message: 'another SHA-256' });
    expect(readBuild(job(), pod(ended(1, message)))).to.deep.equal(
      fails('ContextMismatch', 'another SHA-256'),
    );
  });

  it('is the builder’s trouble where the context container failed for another reason', () => {
    const network = JSON.stringify({ reason: 'BrokerUnreachable', message: 'no answer' });
    expect(readBuild(job(), pod(ended(1, network)))).to.deep.equal(fails('BuilderUnavailable', 'no answer'));
    expect(readBuild(job(), pod(ended(137)))).to.deep.equal(
      fails('BuilderUnavailable', 'the build context could not be fetched: no reason given'),
    );
  });

  it('timed out where the kubelet ended the Pod at its deadline', () => {
    const late = failedPod({ reason: 'DeadlineExceeded', message: 'Pod was active on the node longer' });
    expect(readBuild(job(gaveUp), late)).to.deep.equal(
      fails('BuildTimeout', 'the build outlived its timeout'),
    );
  });

  it('is lost where the Pod was evicted or preempted', () => {
    const evicted = failedPod({ reason: 'Evicted', message: 'The node was low on resource: memory.' });
    const message = 'the build’s Pod ended: The node was low on resource: memory.';
    expect(readBuild(job(gaveUp), evicted)).to.deep.equal(fails('BuilderUnavailable', message));
    const condition = { type: 'DisruptionTarget', status: 'True', message: 'preempted' };
    const preempted = failedPod({ conditions: [condition] });
    expect(readBuild(job(), preempted)).to.deep.equal(
      fails('BuilderUnavailable', 'the build’s Pod ended: preempted'),
    );
  });

  it('is lost where the Job gave up a Pod that vanished or hangs on a lost node', () => {
    const lost = fails('BuilderUnavailable', 'the build’s Pod was lost: reached the limit');
    expect(readBuild(job(gaveUp), undefined)).to.deep.equal(lost);
    expect(readBuild(job(gaveUp), pod(ended(0), { running: { startedAt } }))).to.deep.equal(lost);
  });

  it('is lost where the Job succeeded and its Pod is gone', () => {
    expect(readBuild(job({ succeeded: 1 }), undefined)).to.include({
      kind: 'failed',
      reason: 'BuilderUnavailable',
    });
  });

  it('is unknown once the Job is being deleted', () => {
    const deleted = job({}, { deletionTimestamp: startedAt });
    expect(readBuild(deleted, pod({ running: { startedAt } }))).to.deep.equal({ kind: 'unknown' });
  });
});

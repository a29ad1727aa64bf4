import { expect } from 'chai';
import type { Job } from '../../kube/kinds.ts';
import { failedCondition, isActive, saysMore, startsNoPod } from './job.ts';

const job = (...conditions: { type: string; status?: string; reason?: string }[]): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'a-1' },
  status: { conditions: conditions.map((condition) => ({ status: 'True', ...condition })) },
});
const read = (of: Job) => ({
  active: isActive(of),
  startsNoPod: startsNoPod(of),
  failed: failedCondition(of)?.reason,
});

describe('A Job', () => {
  it('is active and starts Pods before anything is decided', () => {
    const begun = { active: true, startsNoPod: false, failed: undefined };
    expect(read({ ...job(), status: {} })).to.deep.equal(begun);
    expect(read({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'a-1' } })).to.deep.equal(begun);
    expect(read(job({ type: 'Suspended' }))).to.deep.equal(begun);
    expect(read(job({ type: 'Failed', status: 'False', reason: 'No' }))).to.deep.equal(begun);
  });

  it('starts no Pod and is still active once its end is decided', () => {
    const decided = { active: true, startsNoPod: true, failed: undefined };
    expect(read(job({ type: 'FailureTarget', reason: 'PodFailurePolicy' }))).to.deep.equal(decided);
    expect(read(job({ type: 'SuccessCriteriaMet' }))).to.deep.equal(decided);
  });

  it('is over when it is complete or failed, and says why it failed', () => {
    expect(read(job({ type: 'SuccessCriteriaMet' }, { type: 'Complete' }))).to.deep.equal({
      active: false,
      startsNoPod: true,
      failed: undefined,
    });
    expect(
      read(job({ type: 'FailureTarget' }, { type: 'Failed', reason: 'BackoffLimitExceeded' })),
    ).to.deep.equal({ active: false, startsNoPod: true, failed: 'BackoffLimitExceeded' });
  });

  it('starts no Pod while it is being deleted, and may still have one', () => {
    const deleted = job();
    deleted.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(read(deleted)).to.deep.equal({ active: true, startsNoPod: true, failed: undefined });
  });
});

describe('A change of a Job', () => {
  const begun: Job = {
    ...job(),
    metadata: { name: 'a-1', resourceVersion: '1' },
    spec: { suspend: false, template: {} },
    status: { startTime: '2026-01-01T00:00:00Z', active: 1, ready: 0 },
  };
  const later = ({
    metadata = {},
    spec = {},
    status = {},
  }: Partial<Record<'metadata' | 'spec' | 'status', object>>): Job => ({
    ...begun,
    metadata: { ...begun.metadata, resourceVersion: '2', ...metadata },
    spec: { template: {}, ...begun.spec, ...spec },
    status: { ...begun.status, ...status },
  });

  it('says nothing new where its Pods are counted, which say so themselves', () => {
    expect(saysMore({ ...begun, status: {} }, later({}))).to.equal(false);
    expect(saysMore(begun, later({ status: { ready: 1, terminating: 0 } }))).to.equal(false);
    expect(saysMore(begun, later({ status: { uncountedTerminatedPods: { failed: ['uid'] } } }))).to.equal(
      false,
    );
  });

  it('says more where anything else is told', () => {
    const changes = [
      { status: { active: 0 } },
      { status: { conditions: [{ type: 'SuccessCriteriaMet', status: 'True' }] } },
      { spec: { suspend: true } },
      { metadata: { deletionTimestamp: '2026-01-01T00:01:00Z' } },
      { metadata: { labels: { other: 'yes' } } },
    ];
    for (const change of changes)
      expect(saysMore(begun, later(change)), JSON.stringify(change)).to.equal(true);
  });
});

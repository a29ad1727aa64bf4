import { expect } from 'chai';
import { after, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import {
  aPool,
  aPoolJob,
  aPoolSeen,
  endedWith,
  heldFor,
  IMAGE_READY,
  RUNNING,
  SCHEDULED,
} from '../../../test/support/builders/sandboxes.ts';
import type { Job } from '../../kube/kinds.ts';
import { controllerOf } from '../../pods/ownership.ts';
import { failuresOf, fillingOf, lastFailed, memberOf, nextPoolAction, numberOf } from './pool.ts';

const PENDING = { phase: 'Pending', conditions: [SCHEDULED] };
const names = (jobs: Job[]): number[] => jobs.map(numberOf);
const image = IMAGE_READY.kind === 'ready' ? IMAGE_READY.image : undefined;

describe('the next action for a pool', () => {
  it('is to make what is missing, with numbers that no Job has had', () => {
    const seen = aPoolSeen([RUNNING], { highest: 7 });
    expect(nextPoolAction(seen)).to.deep.equal({ kind: 'fill', numbers: [8, 9], remove: [], image });
  });

  it('is to make no more once the budget is spent, and to end them all once it is over', () => {
    const seen = aPoolSeen([RUNNING]);
    const spent = { kind: 'spent', message: '$5 of $5' } as const;
    expect(nextPoolAction({ ...seen, budget: spent })).to.deep.include({
      kind: 'wait',
      reason: 'BudgetExceeded',
      remove: [],
    });
    const over = nextPoolAction({ ...seen, budget: { ...spent, kind: 'over' } });
    expect(over).to.include({ kind: 'end', reason: 'BudgetExceeded' });
    expect(over.kind === 'end' && over.remove).to.have.length(1);
  });

  it('is nothing where its list of hosts has an entry that is none', () => {
    const network = {
      mode: 'Allowlist' as const,
      allowedHosts: ['a.test', 'http://b.test'],
      enforcement: 'BestEffort' as const,
    };
    const action = nextPoolAction(aPoolSeen([], { pool: aPool(2, { spec: { network } }) }));
    expect(action).to.include({ kind: 'wait', reason: 'InvalidNetwork' });
    expect(action.kind === 'wait' && action.message).to.match(
      /^spec.network.allowedHosts\[1\] is "http:\/\/b.test"; expected a host, /,
    );
  });

  it('starts a tenth of it at the same time, two at least and 25 at most, so that nodes have time for those that are taken', () => {
    const begun = (size: number): number[] => {
      const action = nextPoolAction(aPoolSeen([], { pool: aPool(size) }));
      return action.kind === 'fill' ? action.numbers : [];
    };
    expect([1, 3, 20, 95, 1000].map((size) => begun(size).length)).to.deep.equal([1, 2, 2, 10, 25]);
    expect(nextPoolAction(aPoolSeen([PENDING, undefined], { pool: aPool(9) }))).to.deep.equal({
      kind: 'keep',
      remove: [],
      againMs: 5000,
    });
    const next = nextPoolAction(aPoolSeen([RUNNING, RUNNING, PENDING], { pool: aPool(9) }));
    expect(next.kind === 'fill' && next.numbers).to.deep.equal([4]);
  });

  it('is held back by no Pod that waits for something else than its node’s time, or has had that', () => {
    const pool = aPool(9);
    const late = nextPoolAction(aPoolSeen([PENDING, PENDING], { pool, now: after(10) }));
    expect(late.kind === 'fill' && late.numbers).to.deep.equal([3, 4]);
    const held = heldFor('ErrImagePull', 'denied');
    const action = nextPoolAction(aPoolSeen([held, held, PENDING], { pool }));
    expect(action.kind === 'fill' && action.numbers).to.deep.equal([4]);
  });

  it('is to start none while some are taken, so that those have the node’s time', () => {
    const at = (ms: number) => T0.getTime() + ms;
    const of = (ready: number, last: number, now = 2000) =>
      nextPoolAction(
        aPoolSeen(
          Array.from({ length: ready }, () => RUNNING),
          {
            pool: aPool(9),
            burst: { since: at(0), last: at(last) },
            now: new Date(at(now)),
          },
        ),
      );
    expect(of(3, 1800)).to.deep.equal({ kind: 'keep', remove: [], againMs: 800 });
    expect(of(3, 1000), 'a second after the last').to.include({ kind: 'fill' });
    expect(of(2, 1800), 'less than a third is ready').to.include({ kind: 'fill' });
    expect(of(8, 4900, 4950), 'for five seconds at most').to.deep.include({ againMs: 50 });
    expect(of(8, 4900, 5000)).to.include({ kind: 'fill' });
    expect(of(9, 1800)).to.deep.equal({ kind: 'keep', remove: [] });
  });

  it('counts Pods that are being ended', () => {
    const pool = aPool(1);
    const ending = memberOf(aPoolJob(pool, 1, { deletionTimestamp: stampOf(after(4)) }), {});
    expect(nextPoolAction(aPoolSeen([], { pool, members: [ending], highest: 1 }))).to.deep.equal({
      kind: 'keep',
      remove: [],
    });
  });

  it('is to delete what is too much: what is not ready first, then the newest', () => {
    const action = nextPoolAction(aPoolSeen([RUNNING, PENDING, RUNNING, RUNNING], { pool: aPool(2) }));
    expect(action.kind === 'keep' && names(action.remove)).to.deep.equal([2, 4]);
  });

  it('is to delete all where it is suspended or has expired, and itself where that is asked for', () => {
    const of = (spec: object) => nextPoolAction(aPoolSeen([RUNNING, PENDING], { pool: aPool(2, { spec }) }));
    const suspended = of({ operatingMode: 'Suspended' });
    expect(suspended).to.include({ kind: 'end', reason: 'Suspended' });
    expect(suspended.kind === 'end' && names(suspended.remove)).to.deep.equal([1, 2]);
    expect(of({ ttlSeconds: 5, expiryAction: 'Suspend' })).to.include({ kind: 'end', reason: 'Expired' });
    expect(of({ ttlSeconds: 5 })).to.include({ kind: 'delete', reason: 'Expired' });
  });

  it('is to replace a Pod that is held for ten minutes, once it is gone', () => {
    const held = heldFor('CreateContainerConfigError', 'secret "keys" not found');
    const of = (seconds: number) =>
      nextPoolAction(aPoolSeen([held], { pool: aPool(1), now: after(seconds) }));
    expect(of(599)).to.deep.equal({ kind: 'keep', remove: [] });
    const late = of(600);
    expect(late.kind === 'keep' && names(late.remove)).to.deep.equal([1]);
  });

  it('is to wait after Pods that failed: longer each time, and no longer than five minutes', () => {
    const afterFailures = (count: number) =>
      nextPoolAction(
        aPoolSeen([], {
          failures: Array.from({ length: count }, (_, at) => stampOf(after(at - count))),
          now: after(0),
        }),
      );
    const pauses = [1, 2, 3, 9].map((count) => {
      const action = afterFailures(count);
      return action.kind === 'wait' && Math.round((action.againMs ?? 0) / 1000);
    });
    expect(pauses).to.deep.equal([9, 19, 39, 299]);
    expect(nextPoolAction(aPoolSeen([], { failures: [stampOf(after(-3600))], now: after(0) }))).to.include({
      kind: 'fill',
    });
  });

  it('is to wait for its image and for the network’s policies', () => {
    const building = { kind: 'building', taskBuild: 'b', message: 'TaskBuild b: Queued' } as const;
    expect(nextPoolAction(aPoolSeen([], { image: building }))).to.include({
      kind: 'wait',
      reason: 'BuildingImage',
    });
    expect(nextPoolAction(aPoolSeen([], { policies: { kind: 'awaited' } }))).to.include({
      reason: 'NetworkPending',
    });
    expect(nextPoolAction(aPoolSeen([], { image: { kind: 'toBuild', taskBuild: 'b' } }))).to.deep.equal({
      kind: 'createBuild',
      taskBuild: 'b',
    });
  });
});

describe('why a pool has no Pod to give', () => {
  it('is FillingPool while Pods start, else what keeps the first', () => {
    expect(fillingOf(aPoolSeen([PENDING, undefined]))).to.deep.equal({
      reason: 'FillingPool',
      message: '0 of 3 Pods are ready',
    });
    expect(fillingOf(aPoolSeen([PENDING, heldFor('ErrImagePull', 'denied')]))).to.include({
      reason: 'ImagePullBackOff',
    });
  });
});

describe('failures of a pool’s Pods', () => {
  const failedAt = (at: number, reason: string): Job => ({
    ...aPoolJob(aPool(1), at),
    status: {
      conditions: [{ type: 'Failed', status: 'True', reason, lastTransitionTime: stampOf(after(at)) }],
    },
  });
  const lastFailure = { reason: 'PolicyNotEnforced', message: 'nothing closes it' } as const;

  it('are what it says while it waits, and while the next Pod starts', () => {
    const known = { lastFailure, failures: [stampOf(after(4))] };
    expect(nextPoolAction(aPoolSeen([], known))).to.deep.include({ kind: 'wait', ...lastFailure });
    expect(fillingOf(aPoolSeen([PENDING], known))).to.deep.equal(lastFailure);
    const held = aPoolSeen([PENDING, heldFor('ErrImagePull', 'denied')], known);
    expect(fillingOf(held)).to.include({ reason: 'ImagePullBackOff' });
  });

  it('are told by their courier’s last word, before the Job controller has seen them and after', () => {
    const refused = { lastWord: '{"ended":"PolicyNotEnforced"}' };
    const ended = endedWith({ exitCode: 1, reason: 'Error' }, refused);
    expect(aPoolSeen([ended]).members[0]?.waits).to.include({ reason: 'PolicyNotEnforced' });
  });

  it('count for nothing once a later Pod was taken', () => {
    const pool = aPool(1);
    const jobs = [
      failedAt(2, 'BackoffLimitExceeded'),
      failedAt(3, 'BackoffLimitExceeded'),
      aPoolJob(pool, 4),
    ];
    expect(lastFailed(jobs, pool)?.metadata.name).to.equal('pool-s3');
    const ownerReferences = [{ ...controllerOf(aPoolJob(pool, 1))!, uid: 'of-a-sandbox' }];
    const taken = (number: number): Job => aPoolJob(pool, number, { ownerReferences });
    expect(lastFailed([...jobs, taken(1)], pool)?.metadata.name).to.equal('pool-s3');
    expect(lastFailed([...jobs, taken(5)], pool)).to.equal(undefined);
    expect(lastFailed([failedAt(2, 'PodFailurePolicy')], pool)).to.equal(undefined);
  });

  it('are counted on from the numbers that an earlier version gave, whose names had no letter', () => {
    const named = (name: string): Job => {
      const job = aPoolJob(aPool(1), 1);
      return { ...job, metadata: { ...job.metadata, name } };
    };
    expect(['pool-7', 'pool-s8', 'pool'].map((name) => numberOf(named(name)))).to.deep.equal([7, 8, 0]);
  });

  it('are of those that ended by themselves, not of those that were disrupted', () => {
    const jobs = [
      failedAt(9, 'BackoffLimitExceeded'),
      failedAt(5, 'PodFailurePolicy'),
      failedAt(3, 'BackoffLimitExceeded'),
    ];
    expect(failuresOf(jobs)).to.deep.equal([stampOf(after(3)), stampOf(after(9))]);
  });

  it('say nothing of a member that can be taken', () => {
    expect(aPoolSeen([RUNNING]).members[0]).to.not.have.property('waits');
    const ended = aPoolSeen([endedWith({ exitCode: 1, reason: 'Error' })]).members[0];
    expect(ended?.waits).to.include({ reason: 'TaskContainerExited' });
  });
});

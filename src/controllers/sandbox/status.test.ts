import { expect } from 'chai';
import { after, aPod, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import {
  anAttempt,
  aPool,
  aPoolJob,
  aPoolSeen,
  aSandbox,
  aSandboxSeen,
  courierless,
  DISRUPTED,
  endedWith,
  RUNNING,
  SCHEDULED,
  statusWith,
  type SandboxKnown,
} from '../../../test/support/builders/sandboxes.ts';
import { nextAction } from './decide.ts';
import { nextPoolAction } from './pool.ts';
import { poolReportOf, poolStatus, reportOf, sandboxStatus, type Done } from './status.ts';

const PREPARING = { phase: 'Pending', conditions: [SCHEDULED] };

/** What a pass leaves behind where its action is all that came of it. */
function pass(known: SandboxKnown, came?: Done) {
  const seen = aSandboxSeen(known);
  const done = came ?? (nextAction(seen) as Done);
  const status = sandboxStatus(seen, done);
  return { status, ready: status.conditions?.[0], report: reportOf(seen, done, status) };
}

describe('the status of a Sandbox', () => {
  it('says where it is once it is ready, and until when', () => {
    const { status, ready, report } = pass({
      sandbox: aSandbox({ spec: { ttlSeconds: 60 } }),
      podStatus: RUNNING,
    });
    expect(ready).to.include({ type: 'Ready', status: 'True', reason: 'Ready', observedGeneration: 1 });
    expect(status).to.deep.include({
      image: 'debian@sha256:debian',
      imageDigest: 'sha256:debian',
      jobName: 'box-s1',
      podName: 'box-s1-abcde',
      nodeName: 'sb-worker',
      podIP: '10.1.2.3',
      startedTime: stampOf(after(3)),
      expiresAt: stampOf(after(60)),
      attempts: [
        {
          number: 1,
          jobName: 'box-s1',
          startTime: stampOf(T0),
          podName: 'box-s1-abcde',
          nodeName: 'sb-worker',
        },
      ],
    });
    expect(report).to.deep.equal({ write: true, againMs: 55_000 });
  });

  it('closes the attempt at its end, and is nowhere then', () => {
    const { status, ready } = pass({
      sandbox: aSandbox({
        status: statusWith('Ready', [anAttempt()], { podIP: '10.1.2.3', nodeName: 'sb-worker' }),
      }),
      recorded: anAttempt(),
      podStatus: endedWith({ exitCode: 137, reason: 'OOMKilled' }),
      now: after(70),
    });
    expect(ready).to.include({ status: 'False', reason: 'OOMKilled' });
    expect(status.attempts?.[0]).to.deep.include({ completionTime: stampOf(after(70)), reason: 'OOMKilled' });
    expect(status).to.not.have.any.keys('podIP', 'nodeName', 'podName', 'jobName', 'startedTime');
  });

  it('says to tools that know no Sandboxes that nothing but a change helps, or that all is as its spec asks', () => {
    const left = (done: Done) => pass({}, done).status.conditions?.map(({ type, reason }) => [type, reason]);
    for (const reason of ['OOMKilled', 'PodLost'] as const)
      expect(left({ kind: 'end', reason, message: 'm' })).to.deep.equal([
        ['Ready', reason],
        ['Stalled', reason],
      ]);
    // kstatus takes it for done where it has neither Stalled nor a Ready that is not True.
    for (const reason of ['Suspended', 'Expired', 'IdleTimeout'] as const)
      expect(left({ kind: 'end', reason, message: 'm' })).to.deep.equal([['Suspended', reason]]);
    expect(left({ kind: 'wait', reason: 'Unschedulable', message: 'm' })).to.deep.equal([
      ['Ready', 'Unschedulable'],
    ]);
  });

  it('says Retrying after the loss of a Pod that is to be replaced', () => {
    const sandbox = aSandbox({ spec: { recreatePolicy: 'OnLoss' } });
    const podStatus = endedWith({ exitCode: 137, reason: 'Error' }, DISRUPTED('EvictionByEvictionAPI'));
    const { status, ready } = pass({ sandbox, podStatus });
    expect(ready).to.deep.include({
      reason: 'Retrying',
      message: 'Evicted: EvictionByEvictionAPI: it had to go',
    });
    expect(status.attempts?.map(({ reason }) => reason)).to.deep.equal(['Evicted']);
  });

  it('says when it was last used, where nobody used it for too long', () => {
    const lastWord = '{"ended":"Idle","lastActivityTime":"2026-01-01T00:00:40Z"}';
    const podStatus = endedWith({ exitCode: 0, reason: 'Completed' }, { lastWord });
    const { status } = pass({
      sandbox: aSandbox({ spec: { expiryAction: 'Suspend' } }),
      podStatus,
      now: after(70),
    });
    expect(status.lastActivityTime).to.equal('2026-01-01T00:00:40Z');
  });

  it('names the Job of the pool that it has taken, and is ready at once', () => {
    const job = aPoolJob(aPool(1), 4);
    const pod = aPod(job, { status: RUNNING });
    const { status, ready, report } = pass({}, { kind: 'adopted', job, pod, startedAt: stampOf(after(3)) });
    expect(ready).to.include({ status: 'True' });
    expect(status).to.include({ jobName: 'pool-s4', podName: 'pool-s4-abcde' });
    expect(status.attempts?.[0]).to.include({ number: 1, jobName: 'pool-s4', startTime: stampOf(after(5)) });
    expect(report.write).to.equal(true);
  });

  it('keeps sixteen attempts', () => {
    const attempts = Array.from({ length: 16 }, (_, at) =>
      anAttempt({ number: at + 1, completionTime: stampOf(T0), reason: 'Suspended' }),
    );
    const { status } = pass({ sandbox: aSandbox({ status: { attempts } }), number: 17, podStatus: RUNNING });
    expect(status.attempts?.map(({ number }) => number)).to.deep.equal(
      Array.from({ length: 16 }, (_, at) => at + 2),
    );
  });

  it('loses the time of a limit that is gone', () => {
    const sandbox = aSandbox({ status: statusWith('Ready', [], { expiresAt: stampOf(after(60)) }) });
    expect(pass({ sandbox, podStatus: RUNNING }).status.expiresAt).to.equal(undefined);
  });
});

describe('a write of a Sandbox’s status', () => {
  it('is kept back for two seconds where the state passes by itself', () => {
    const at = (seconds: number) => pass({ podStatus: PREPARING, now: after(seconds) }).report;
    expect(at(2)).to.deep.equal({ write: false, againMs: 1000 });
    expect(at(3)).to.deep.equal({ write: true });
  });

  it('is made at once for a cause that lasts', () => {
    const podStatus = {
      ...PREPARING,
      containerStatuses: [
        {
          name: 'task',
          image: '',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { waiting: { reason: 'ImagePullBackOff' } },
        },
      ],
    };
    expect(pass({ podStatus, now: after(1) }).report.write).to.equal(true);
  });

  it('is not made for a courier that was killed and is started again within two seconds, but for one that is not', () => {
    const sandbox = aSandbox({ status: pass({ podStatus: RUNNING }).status });
    const killed = courierless({ exitCode: 137, reason: 'Error' });
    const backOff = courierless(
      { exitCode: 137, reason: 'Error' },
      { reason: 'CrashLoopBackOff', message: 'back-off 10s' },
    );
    const at = (seconds: number, podStatus = killed, of = sandbox) =>
      pass({ sandbox: of, recorded: anAttempt(), podStatus, now: after(seconds) });
    expect(at(61).report).to.deep.equal({ write: false, againMs: 1000 });
    const late = at(62);
    expect(late.report.write).to.equal(true);
    expect(late.ready).to.include({ status: 'False', reason: 'CrashLoopBackOff' });
    const told = aSandbox({ status: late.status });
    expect(at(63, backOff, told).report.write).to.equal(false);
    const again = at(80, RUNNING, told);
    expect(again.report.write).to.equal(true);
    expect(again.ready).to.include({ status: 'True', reason: 'Ready' });
  });

  it('is not made for a container that has ended before the kubelet says why, unless that takes five seconds', () => {
    const ended = endedWith({ exitCode: 0, reason: 'Completed' }).containerStatuses ?? [];
    const podStatus = { ...RUNNING, containerStatuses: ended };
    const sandbox = aSandbox({ status: pass({ podStatus: RUNNING }).status });
    const at = (seconds: number) => pass({ sandbox, recorded: anAttempt(), podStatus, now: after(seconds) });
    expect(at(63).report).to.deep.equal({ write: false, againMs: 2000 });
    expect(at(65).report.write).to.equal(true);
    expect(at(65).ready).to.include({ status: 'False', reason: 'Stopping' });
  });

  it('is not made twice for one state, whatever the kubelet’s words are', () => {
    const { status } = pass({ podStatus: RUNNING });
    const sandbox = aSandbox({ status });
    expect(pass({ sandbox, recorded: anAttempt(), podStatus: RUNNING }).report).to.deep.equal({
      write: false,
    });
  });

  it('is made again where the spec has changed', () => {
    const { status } = pass({ podStatus: RUNNING });
    const before = aSandbox({ status, spec: { ttlSeconds: 60 } });
    const sandbox = { ...before, metadata: { ...before.metadata, generation: 2 } };
    expect(pass({ sandbox, recorded: anAttempt(), podStatus: RUNNING }).report.write).to.equal(true);
  });

  it('looks again within a day, whatever the lifetime is', () => {
    const sandbox = aSandbox({ spec: { ttlSeconds: 2_592_000 } });
    expect(pass({ sandbox, podStatus: RUNNING }).report.againMs).to.equal(86_400_000);
  });
});

describe('the status of a pool', () => {
  const poolPass = (seen: ReturnType<typeof aPoolSeen>, writtenMs = Infinity) => {
    const done = nextPoolAction(seen);
    const status = poolStatus(seen, done);
    return { status, ready: status.conditions?.[0], report: poolReportOf(seen, { done, status, writtenMs }) };
  };

  it('says how full it is, and is ready where a Pod can be taken', () => {
    const { status, ready } = poolPass(aPoolSeen([RUNNING, PREPARING]));
    expect(status.pool).to.deep.equal({ ready: 1, size: 3 });
    expect(ready).to.include({ status: 'True', reason: 'Ready' });
    expect(poolPass(aPoolSeen([PREPARING])).ready).to.include({ status: 'False', reason: 'FillingPool' });
    expect(poolPass(aPoolSeen([], { pool: aPool(0) })).ready).to.include({ status: 'True' });
  });

  it('is written every five seconds at most for numbers alone', () => {
    const { status } = poolPass(aPoolSeen([RUNNING, RUNNING, RUNNING]));
    const seen = aPoolSeen([RUNNING, RUNNING], { pool: aPool(3, { status }) });
    expect(poolPass(seen, 1000).report).to.deep.equal({ write: false, againMs: 4000 });
    expect(poolPass(seen, 5000).report.write).to.equal(true);
  });
});

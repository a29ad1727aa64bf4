import { expect } from 'chai';
import {
  after,
  aJob,
  anImageConfig,
  anOutcome,
  aPod,
  aTrial,
  containerStatus,
  endedPod,
  stampOf,
  T0,
} from '../../../test/support/builders/objects.ts';
import { aTrialSeen, READY } from '../../../test/support/builders/trial-seen.ts';
import type { TrialKnown } from '../../../test/support/builders/trial-seen.ts';
import { conditionOf } from '../../crds/conditions.ts';
import type { Finding } from '../../crds/findings.ts';
import type { Outcome } from '../../wire/outcome.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Job } from '../../kube/kinds.ts';
import { cloudwatchLogLinks } from '../../providers/log-links/cloudwatch.ts';
import { storedLogLinks } from '../../providers/log-links/stored.ts';
import type { Done } from './done.ts';
import type { Observed } from './observed.ts';
import { reportOf, trialStatus } from './status.ts';

const links = {
  files: { uri: (key: string) => `s3://artifacts/${key}`, link: (key: string) => `http://s3/${key}` },
  logs: storedLogLinks(),
};

const seen = (over: TrialKnown = {}): Observed => aTrialSeen({ now: after(9), ...over });

function ended(outcome = anOutcome()): Observed {
  const trial = aTrial();
  const job = aJob(trial);
  return seen({
    trial,
    job: { kind: 'own', job },
    pod: aPod(job, { status: endedPod(JSON.stringify(outcome)) }),
    outcome,
  });
}

const condition = (status: TrialStatus, type: string) => {
  const found = conditionOf({ status }, type);
  return found && `${found.status} ${found.reason}`;
};

describe('the status of a Trial', () => {
  it('names group and stream of the log, where a log service has it, without uploads too', () => {
    const trial = aTrial({ spec: { uploadResults: false } });
    const before = seen({ trial, job: { kind: 'own', job: aJob(trial) } });
    const wait = { kind: 'wait', reason: 'Running', message: 'm' } as const;
    const logs = cloudwatchLogLinks({ region: 'us-east-1', group: '/sb/eks/logs' });
    expect(trialStatus(before, wait, { ...links, logs }).logs).to.deep.include({
      group: '/sb/eks/logs',
      stream: '/hello__1234567',
    });
    expect(trialStatus(before, wait, links)).not.to.have.property('logs');
  });

  it('tells how each step ended, and which did not run, as far as there is room', () => {
    const step = (name: string, over = {}) => ({
      name,
      result: { kind: 'rewarded' as const, reward: 0.5, rewards: { reward: 0.5 } },
      timings: {},
      ...over,
    });
    const exception = { type: 'AgentTimeoutError', message: 'm', phase: 'agentExecution' as const };
    const failed = { kind: 'failed' as const, reason: 'RewardMissing' as const, message: 'm' };
    const listed = [step('one'), step('two', { exception }), step('three', { result: failed })];
    const stepsOf = (skipped: string[]) => {
      const outcome = anOutcome({ steps: { ran: 3, listed, skipped } });
      return trialStatus(ended(outcome), { kind: 'succeed', outcome }, links).steps;
    };
    expect(stepsOf(['four'])).to.deep.equal([
      { name: 'one', reward: 0.5 },
      { name: 'two', reward: 0.5, reason: 'AgentTimeoutError' },
      { name: 'three', reason: 'RewardMissing' },
      { name: 'four', reason: 'NotRun' },
    ]);
    expect(stepsOf(Array.from({ length: 50 }, (_, at) => `s${at}`))).to.have.length(32);
  });

  it('tells the whole of a success', () => {
    const before = ended();
    const status = trialStatus(before, { kind: 'succeed', outcome: anOutcome() }, links);
    expect(status).to.deep.include({
      reward: 1,
      rewards: { reward: 1 },
      jobName: 'hello-1',
      finishedAt: stampOf(after(8)),
    });
    expect(status.s3TrialUri).to.equal('s3://artifacts/trials/adhoc/hello__1234567/');
    expect(status.logs?.url).to.equal('http://s3/trials/adhoc/hello__1234567/trial.log');
    expect(status.attempts).to.deep.equal([
      {
        number: 1,
        jobName: 'hello-1',
        startTime: stampOf(T0),
        podName: 'hello-1-abcde',
        nodeName: 'sb-worker',
        completionTime: stampOf(after(8)),
      },
    ]);
    const types = ['ImageReady', 'Started', 'AgentFinished', 'Verified', 'Uploaded', 'Succeeded'];
    expect(types.map((type) => condition(status, type))).to.deep.equal([
      'True Resolved',
      'True PodStarted',
      'True Completed',
      'True RewardObtained',
      'True Stored',
      'True RewardObtained',
    ]);
  });

  it('says whether the cluster kept the Pod to its network policy, where the courier tried', () => {
    const told = (network?: Outcome['network']) => {
      const outcome = anOutcome(network && { network });
      return condition(trialStatus(ended(outcome), { kind: 'succeed', outcome }, links), 'NetworkRestricted');
    };
    expect(told({ enforced: true })).to.equal('True PolicyEnforced');
    expect(told({ enforced: false })).to.equal('False PolicyNotEnforced');
    expect(told()).to.equal(undefined);
  });

  it('tells the same of it when it is decided again later', () => {
    const action: Done = { kind: 'succeed', outcome: anOutcome() };
    const { conditions: _, ...first } = trialStatus(ended(), action, links);
    const { conditions: __, ...again } = trialStatus({ ...ended(), now: after(30) }, action, links);
    expect(again).to.deep.equal(first);
  });

  it('keeps the reward beside an exception of the agent', () => {
    const outcome = anOutcome({
      exception: { phase: 'agentExecution', type: 'AgentTimeoutError', message: 'after 3 s' },
    });
    const status = trialStatus(ended(outcome), { kind: 'succeed', outcome }, links);
    expect(status.exception).to.deep.equal({ type: 'AgentTimeoutError', message: 'after 3 s' });
    expect(condition(status, 'AgentFinished')).to.equal('True AgentTimeoutError');
    expect(condition(status, 'Succeeded')).to.equal('True RewardObtained');
  });

  it('gives a failure its reason in condition, attempt and exception', () => {
    const outcome = anOutcome({ result: { kind: 'failed', reason: 'RewardMissing', message: 'no file' } });
    const status = trialStatus(
      ended(outcome),
      { kind: 'fail', reason: 'RewardMissing', message: 'no file', outcome },
      links,
    );
    expect(condition(status, 'Succeeded')).to.equal('False RewardMissing');
    expect(condition(status, 'Verified')).to.equal('False RewardMissing');
    expect(status.attempts?.[0]).to.include({ reason: 'RewardMissing', message: 'no file' });
    expect(status.exception).to.deep.equal({ type: 'RewardMissing', message: 'no file' });
    expect(status).not.to.have.property('reward');
  });

  it('keeps earlier attempts when one is closed', () => {
    const first = { number: 1, jobName: 'hello-1', reason: 'Evicted', completionTime: stampOf(T0) };
    const trial = aTrial({ status: { attempts: [first] } });
    const job = aJob(trial, { attempt: 2 });
    const action: Done = { kind: 'endAttempt', reason: 'NodeLost', message: 'silent' };
    const status = trialStatus(seen({ trial, attempt: 2, job: { kind: 'own', job } }), action, links);
    expect(status.attempts).to.have.length(2);
    expect(status.attempts?.[0]).to.deep.equal(first);
    expect(status.attempts?.[1]).to.include({
      number: 2,
      reason: 'NodeLost',
      completionTime: stampOf(after(9)),
    });
    expect(condition(status, 'Succeeded')).to.equal('Unknown Retrying');
    expect(status).not.to.have.property('finishedAt');
  });

  it('remembers on the open attempt that it is ended for a suspension, and forgets it when a result came first', () => {
    const open = { number: 1, jobName: 'hello-1' };
    const stopped = trialStatus(
      seen({ recorded: open }),
      { kind: 'recordStop', because: 'Suspended' },
      links,
    );
    expect(stopped.attempts).to.deep.equal([{ ...open, reason: 'Suspended' }]);
    expect(condition(stopped, 'Succeeded')).to.equal('Unknown Stopping');
    const late = { ...ended(), recorded: { ...open, reason: 'Suspended', message: 'x' } };
    const status = trialStatus(late, { kind: 'succeed', outcome: anOutcome() }, links);
    expect(status.attempts?.[0]).not.to.have.any.keys('reason', 'message');
  });

  it('remembers on the open attempt which verifier did not start, and why', () => {
    const open = { number: 1, jobName: 'hello-1' };
    const message = 'container verifier did not start';
    const because = 'ImagePullFailed';
    const stopped = trialStatus(seen({ recorded: open }), { kind: 'recordStop', because, message }, links);
    expect(stopped.attempts).to.deep.equal([{ ...open, reason: because, message }]);
    expect(condition(stopped, 'Succeeded')).to.equal('Unknown Stopping');
  });

  it('remembers when the queue that held its Job let it start, once', () => {
    const open = { number: 1, jobName: 'hello-1', startTime: stampOf(T0) };
    const held = aTrial();
    const saidOf = (trial: Trial, reason: 'HeldByQueue' | 'PullingImage', job: Partial<Job>): TrialStatus => {
      const under = { ...aJob(trial), ...job };
      const recorded = trial.status?.attempts?.[0] ?? open;
      return trialStatus(
        seen({ trial, recorded, job: { kind: 'own', job: under } }),
        { kind: 'wait', reason, message: 'm' },
        links,
      );
    };
    const suspended: Partial<Job> = { spec: { ...aJob(held).spec!, suspend: true } };
    const waiting = saidOf(held, 'HeldByQueue', suspended);
    expect(waiting.attempts).to.deep.equal([open]);
    expect(saidOf({ ...held, status: waiting }, 'HeldByQueue', suspended).attempts).to.deep.equal([open]);
    const admitted = saidOf({ ...held, status: waiting }, 'PullingImage', {
      status: { startTime: stampOf(after(7)) },
    });
    const expected = [{ ...open, admittedTime: stampOf(after(7)) }];
    expect(admitted.attempts).to.deep.equal(expected);
    const later = saidOf({ ...held, status: admitted }, 'PullingImage', {
      status: { startTime: stampOf(after(8)) },
    });
    expect(later.attempts).to.deep.equal(expected);
  });

  it('keeps at most 32 attempts, of which the oldest suspended ones go first', () => {
    const closed = (number: number, reason: string) => ({
      number,
      jobName: `hello-${number}`,
      reason,
      completionTime: stampOf(T0),
    });
    const before = [
      closed(1, 'Evicted'),
      ...Array.from({ length: 31 }, (_, at) => closed(at + 2, 'Suspended')),
    ];
    const trial = aTrial({ status: { attempts: before } });
    const job = aJob(trial, { attempt: 33 });
    const now = seen({ trial, attempt: 33, job: { kind: 'own', job } });
    const numbers = trialStatus(now, { kind: 'jobCreated' }, links).attempts?.map(({ number }) => number);
    expect(numbers).to.deep.equal([1, ...Array.from({ length: 31 }, (_, at) => at + 3)]);
  });

  it('names image and digest as soon as they are known', () => {
    const image = {
      reference: 'debian@sha256:aa',
      digest: 'sha256:aa',
      config: anImageConfig(),
      taskBuild: 'build-1',
    };
    const status = trialStatus(seen({ image: { kind: 'ready', image } }), { kind: 'jobCreated' }, links);
    expect(status).to.include({ image: 'debian@sha256:aa', imageDigest: 'sha256:aa', taskBuild: 'build-1' });
    expect(status.images).to.deep.equal([
      { role: 'agent', image: 'debian@sha256:aa', digest: 'sha256:aa', taskBuild: 'build-1' },
    ]);
  });

  it('names the TaskBuild of an image that is being built, and keeps it when the image is there', () => {
    const created = { kind: 'buildCreated', role: 'agent', taskBuild: 'build-1' } as const;
    const toBuild = { kind: 'toBuild', taskBuild: 'build-1' } as const;
    const status = trialStatus(seen({ image: toBuild }), created, links);
    expect(status).to.deep.include({
      taskBuild: 'build-1',
      images: [{ role: 'agent', taskBuild: 'build-1' }],
    });
    const later = seen({ trial: aTrial({ status }), image: READY });
    expect(trialStatus(later, { kind: 'jobCreated' }, links).images).to.deep.equal([
      { role: 'agent', image: 'debian@sha256:aa', digest: 'sha256:aa', taskBuild: 'build-1' },
    ]);
  });

  it('names no TaskBuild that the API server has not taken', () => {
    const refused = seen({ image: { kind: 'toBuild', taskBuild: 'build-1' } });
    const status = trialStatus(refused, { kind: 'fail', reason: 'BuildFailed', message: 'no' }, links);
    expect(status).to.not.have.any.keys('images', 'taskBuild');
  });

  it('still knows the TaskBuild when only the Job tells of the image', () => {
    const trial = aTrial();
    const job = aJob(trial);
    job.metadata.annotations = { 'sb.abundant.ai/task-build-name': 'build-1' };
    const status = trialStatus(seen({ trial, job: { kind: 'own', job } }), { kind: 'jobCreated' }, links);
    expect(status).to.include({ taskBuild: 'build-1' });
  });

  it('remembers which content of the ConfigMap an attempt began with', () => {
    const trial = aTrial();
    const job = aJob(trial);
    job.metadata.annotations = { 'sb.abundant.ai/task-content': 'aaaa' };
    const observed = seen({ trial, job: { kind: 'own', job } });
    const { attempts } = trialStatus(observed, { kind: 'wait', reason: 'Running', message: '' }, links);
    expect(attempts?.[0]).to.include({ number: 1, taskContent: 'aaaa' });
  });

  it('tells of an agent that was interrupted, and one that was only judged for it', () => {
    const exception = { phase: 'agentExecution' as const, type: 'CancelledError', message: 'told to stop' };
    const outcome = anOutcome({
      exception,
      result: { kind: 'failed', reason: 'Cancelled', message: 'told to stop' },
    });
    const status = trialStatus(
      ended(outcome),
      { kind: 'fail', reason: 'Cancelled', message: '', outcome },
      links,
    );
    expect(condition(status, 'AgentFinished')).to.equal('False CancelledError');
  });

  it('names no log of a Trial that never had a Pod', () => {
    const status = trialStatus(seen(), { kind: 'fail', reason: 'BuildFailed', message: '' }, links);
    expect(status).not.to.have.property('logs');
  });

  it('has no places in the bucket where nothing is uploaded', () => {
    const trial = aTrial({ spec: { uploadResults: false } });
    const status = trialStatus(seen({ trial }), { kind: 'wait', reason: 'Pending', message: '' }, links);
    expect(status).not.to.have.any.keys('s3TrialUri', 'logs');
  });

  it('says Unknown where nothing looked like tampering, and Suspicious where something did', () => {
    const root: Finding = { code: 'AgentWasRoot', message: 'the agent was root' };
    const odd: Finding = { code: 'RewardRewritten', message: 'a report came twice' };
    const integrityOf = (outcome: Outcome) =>
      trialStatus(ended(outcome), { kind: 'succeed', outcome }, links).integrity;
    expect(integrityOf(anOutcome({ findings: [root] }))).to.deep.equal({
      verdict: 'Unknown',
      findings: [root],
    });
    expect(integrityOf(anOutcome({ findings: [odd, root] }))).to.deep.equal({
      verdict: 'Suspicious',
      findings: [odd, root],
    });
    expect(integrityOf(anOutcome({}))).to.deep.equal({ verdict: 'Clean' });
  });

  it('counts a verifier that the agent kept from running as a result of 0', () => {
    const obstructed = 'the agent’s container kept the verifier from running: it is gone';
    const outcome = anOutcome({
      result: { kind: 'rewarded', reward: 0, rewards: { reward: 0 }, obstructed },
    });
    const status = trialStatus(ended(outcome), { kind: 'succeed', outcome }, links);
    expect(status.reward).to.equal(0);
    const said = (type: string) => conditionOf({ status }, type);
    expect(said('Succeeded')).to.deep.include({ status: 'True', reason: 'VerifierObstructed' });
    expect(said('Verified')).to.deep.include({ status: 'False', reason: 'VerifierObstructed' });
  });

  it('moves lastTransitionTime only when a status flips', () => {
    const wait: Done = { kind: 'wait', reason: 'BuildingImage', message: 'a' };
    const first = trialStatus(seen({ now: after(1) }), wait, links);
    const again = trialStatus(
      seen({ now: after(5), trial: aTrial({ status: first }) }),
      { ...wait, reason: 'Pending' },
      links,
    );
    const times = again.conditions?.map(({ lastTransitionTime }) => lastTransitionTime);
    expect(new Set(times)).to.deep.equal(new Set([stampOf(after(1))]));
  });
});

describe('the report on a Trial', () => {
  const trial = aTrial();
  const job = aJob(trial);
  const starting = (seconds: number): Observed => {
    const conditions = [{ type: 'PodScheduled', status: 'False', lastTransitionTime: stampOf(after(2)) }];
    const pod = aPod(job, { status: { phase: 'Pending', conditions } });
    return aTrialSeen({ trial, job: { kind: 'own', job }, pod, now: after(seconds) });
  };
  const reported = (observed: Observed, done: Done, passing = 1) =>
    reportOf(observed, done, { status: trialStatus(observed, done, links), passing });
  const pending: Done = { kind: 'wait', reason: 'Unschedulable', message: 'no room', againMs: 60_000 };

  it('keeps a passing state back until it has lasted five seconds', () => {
    expect(reported(starting(3), pending)).to.deep.equal({ write: false, againMs: 4000 });
    expect(reported(starting(7), pending)).to.deep.equal({ write: true, againMs: 60_000 });
  });

  it('looks again earlier where the decision asks for it', () => {
    expect(reported(starting(3), { ...pending, againMs: 100 })).to.deep.equal({ write: false, againMs: 100 });
  });

  it('keeps it back the longer the more Trials are in one', () => {
    expect(reported(starting(3), pending, 10)).to.deep.equal({ write: false, againMs: 4000 });
    expect(reported(starting(7), pending, 100)).to.deep.equal({ write: false, againMs: 45_000 });
    expect(reported(starting(52), pending, 100)).to.deep.equal({ write: true, againMs: 60_000 });
  });

  it('keeps back that the Job was created, however long the Trial has waited for that', () => {
    for (const seconds of [1, 100])
      expect(reported(aTrialSeen({ now: after(seconds) }), { kind: 'jobCreated' })).to.deep.equal({
        write: false,
        againMs: 5000,
      });
  });

  const runningAt = (seconds: number): Observed => {
    const running = { running: { startedAt: stampOf(after(2)) } };
    const pod = aPod(job, {
      status: { phase: 'Running', containerStatuses: [containerStatus('task', running)] },
    });
    return aTrialSeen({ trial, job: { kind: 'own', job }, pod, now: after(seconds) });
  };

  it('keeps back that an attempt has started where many wait, and for fifteen seconds at most', () => {
    const running: Done = { kind: 'wait', reason: 'Running', message: 'Pod hello runs' };
    expect(reported(runningAt(3), running, 10)).to.deep.equal({ write: true });
    expect(reported(runningAt(3), running, 11)).to.deep.equal({ write: false, againMs: 4500 });
    expect(reported(runningAt(8), running, 11)).to.deep.equal({ write: true });
    expect(reported(runningAt(8), running, 10_000)).to.deep.equal({ write: false, againMs: 9000 });
    expect(reported(runningAt(17), running, 10_000)).to.deep.equal({ write: true });
    expect(reported(runningAt(3), { ...running, againMs: 100 }, 11)).to.deep.equal({
      write: false,
      againMs: 100,
    });
  });

  it('is written at once for an end, however many wait', () => {
    const failed: Done = { kind: 'fail', reason: 'OOMKilled', message: 'no memory' };
    expect(reported(runningAt(3), failed, 10_000)).to.deep.equal({ write: true });
  });

  it('is written at once for anything else', () => {
    const running: Done = { kind: 'wait', reason: 'Running', message: 'Pod hello runs' };
    expect(reported(starting(3), running)).to.deep.equal({ write: true });
    expect(reported(starting(3), { kind: 'fail', reason: 'JobRejected', message: 'no' })).to.deep.equal({
      write: true,
    });
  });

  const again = (first: Done, second: Done) => {
    const observed = starting(60);
    const status = trialStatus(observed, first, links);
    const [recorded] = status.attempts ?? [];
    return reported({ ...observed, ...(recorded && { recorded }), trial: { ...trial, status } }, second)
      .write;
  };

  it('is not written a second time for another wording of the kubelet', () => {
    expect(again(pending, { ...pending, message: 'no room, tried 7 times' })).to.equal(false);
    expect(again(pending, { ...pending, reason: 'PullingImage' })).to.equal(true);
  });

  it('is written for another wording of ours', () => {
    const building = (message: string): Done => ({ kind: 'wait', reason: 'BuildingImage', message });
    expect(again(building('a'), building('b'))).to.equal(true);
    expect(again(building('a'), building('a'))).to.equal(false);
  });
});

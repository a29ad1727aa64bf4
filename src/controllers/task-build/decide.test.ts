import { expect } from 'chai';
import { after, anOrigin, aTaskBuild, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import { aBuildSeen, IMAGE } from '../../../test/support/builders/build-seen.ts';
import type { BuildKnown } from '../../../test/support/builders/build-seen.ts';
import type { BuildAttempt, TaskBuild, TaskBuildSpec } from '../../crds/task-build.ts';
import type { ProviderReason } from '../../providers/errors.ts';
import type { BuildState } from '../../providers/image-builder/port.ts';
import type { StateSeen, Observed } from './observed.ts';
import { nextAction, waitInQueue } from './decide.ts';
import { afterRefusal, afterUnrecorded, keepsSlot } from './done.ts';
import type { Done } from './done.ts';
import { reportOf, taskBuildStatus } from './status.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

const open = { number: 1, token: 'sb-build-1', buildId: 'sb-build-1', startTime: stampOf(T0) };

/** A TaskBuild with attempts, the last of them open. */
const begun = (attempts: BuildAttempt[], spec: Partial<TaskBuildSpec> = {}): TaskBuild =>
  aTaskBuild({ spec, status: { image: IMAGE, ...anOrigin(), attempts } });

function during(
  state: StateSeen,
  over: BuildKnown & { spec?: Partial<TaskBuildSpec>; attempts?: number } = {},
): Observed {
  const { spec = {}, attempts = 1, ...rest } = over;
  const earlier = Array.from({ length: attempts - 1 }, (_, index) => ({
    ...open,
    number: index + 1,
    completionTime: stampOf(T0),
  }));
  return aBuildSeen({ taskBuild: begun([...earlier, open], spec), state, ...rest });
}

describe('the next action of a TaskBuild', () => {
  it('builds nothing where the image exists', () => {
    const action = nextAction(aBuildSeen({ existing: { kind: 'present', digest: DIGEST } }));
    expect(action).to.deep.equal({
      kind: 'succeed',
      image: IMAGE,
      origin: anOrigin(),
      digest: DIGEST,
      cacheHit: true,
    });
  });

  it('ends at once where it must not be begun, whatever exists', () => {
    const taskBuild = aTaskBuild({ spec: { repository: 'registry.evil.example/x' } });
    const action = nextAction(aBuildSeen({ taskBuild, existing: { kind: 'present', digest: DIGEST } }));
    expect(action).to.include({ kind: 'fail', stop: false });
    expect(action).to.have.nested.property('failure.reason', 'RepositoryNotAllowed');
  });

  it('begins an attempt anew of which no origin was recorded: its image would be anybody’s', () => {
    const taskBuild = aTaskBuild({ status: { image: IMAGE, attempts: [open] } });
    const unknown = aBuildSeen({ taskBuild, state: { kind: 'succeeded', digest: DIGEST } });
    expect(nextAction(unknown)).to.include({ kind: 'endAttempt' });
  });

  it('refuses a backend that this operator has not, but takes an image that exists', () => {
    const taskBuild = aTaskBuild({ spec: { backend: 'CodeBuild' } });
    expect(nextAction(aBuildSeen({ taskBuild }))).to.deep.include({
      kind: 'fail',
      failure: {
        reason: 'BackendNotConfigured',
        message: 'spec.backend: this operator builds with BuildKit, not with CodeBuild',
      },
    });
    const existing = { kind: 'present', digest: DIGEST } as const;
    expect(nextAction(aBuildSeen({ taskBuild, existing }))).to.include({ kind: 'succeed' });
    expect(nextAction(aBuildSeen({ taskBuild, builder: { backend: 'CodeBuild', pollMs: 1000 } }))).to.include(
      { kind: 'openAttempt' },
    );
  });

  it('waits in the queue, and reports its position in steps that double', () => {
    const position = { queuedAhead: 0, limit: 20, share: 20 };
    expect(nextAction(aBuildSeen({ position }))).to.deep.equal({
      kind: 'wait',
      reason: 'WaitingForSlot',
      message: 'next of its namespace; namespaces take turns, 20 builds run at the same time',
    });
    const ahead = (number: number) => waitInQueue({ ...position, queuedAhead: number }).message.split(';')[0];
    expect([1, 3, 4, 5].map(ahead)).to.deep.equal(
      [1, 4, 4, 8].map((number) => `at most ${number} builds of this namespace are ahead of this one`),
    );
    expect(waitInQueue({ ...position, share: 5 }).message).to.match(
      /20 builds run at the same time, 5 of one namespace$/,
    );
  });

  it('refuses a build that asks for more time than the operator allows, but takes an image that exists', () => {
    for (const field of ['timeoutSeconds', 'queueTimeoutSeconds']) {
      const taskBuild = aTaskBuild({ spec: { [field]: 7201 } });
      expect(nextAction(aBuildSeen({ taskBuild }))).to.deep.include({
        kind: 'fail',
        failure: {
          reason: 'BuildRejected',
          message: `spec.${field}: 7201 is more than the 7200 that this operator allows`,
        },
      });
      const existing = { kind: 'present', digest: DIGEST } as const;
      expect(nextAction(aBuildSeen({ taskBuild, existing }))).to.include({ kind: 'succeed' });
    }
    const spec = { timeoutSeconds: 7200, queueTimeoutSeconds: 7200 };
    expect(nextAction(aBuildSeen({ taskBuild: aTaskBuild({ spec }) }))).to.include({ kind: 'openAttempt' });
  });

  it('counts no time of waiting for a slot as time in the builder’s queue', () => {
    const early = { ...open, startTime: stampOf(after(86_400)) };
    const spec = { queueTimeoutSeconds: 60 };
    const position = { queuedAhead: 0, limit: 1, share: 1 };
    const waiting = aBuildSeen({ taskBuild: aTaskBuild({ spec }), position, now: after(86_000) });
    expect(nextAction(waiting)).to.include({ reason: 'WaitingForSlot' });
    const queued = aBuildSeen({
      taskBuild: begun([early], spec),
      state: { kind: 'queued' },
      now: after(86_430),
    });
    expect(nextAction(queued)).to.include({ kind: 'wait', reason: 'Queued' });
  });

  it('writes the token of an attempt down before anything is started', () => {
    expect(nextAction(aBuildSeen())).to.include({ kind: 'openAttempt', image: IMAGE });
  });

  it('starts the attempt that was written down', () => {
    const attempt = { number: 1, token: 'sb-build-1' };
    expect(nextAction(aBuildSeen({ taskBuild: begun([attempt]) }))).to.deep.include({
      kind: 'start',
      attempt,
    });
  });

  it('waits for a registry that does not answer, and starts nothing', () => {
    const action = nextAction(aBuildSeen({ existing: { kind: 'unavailable', message: 'refused' } }));
    expect(action).to.include({ kind: 'wait', reason: 'RegistryUnavailable' });
  });

  it('waits for a bucket that does not say what is on record', () => {
    const action = nextAction(aBuildSeen({ existing: { kind: 'recordUnread', message: 'no s3:GetObject' } }));
    expect(action).to.include({ kind: 'wait', reason: 'Pending', message: 'no s3:GetObject', againMs: 5000 });
  });

  it('ends where the context is missing', () => {
    const action = nextAction(
      aBuildSeen({ context: { kind: 'missing', message: 'there is no object s3://a/b' } }),
    );
    expect(action).to.deep.include({
      kind: 'fail',
      failure: { reason: 'ContextNotFound', message: 'there is no object s3://a/b' },
    });
  });

  it('takes an image that exists although its context is gone', () => {
    const action = nextAction(
      aBuildSeen({
        context: { kind: 'missing', message: 'gone' },
        existing: { kind: 'present', digest: DIGEST },
      }),
    );
    expect(action).to.include({ kind: 'succeed', cacheHit: true });
  });

  it('waits for a store that does not answer', () => {
    const action = nextAction(aBuildSeen({ context: { kind: 'unavailable', message: 'refused' } }));
    expect(action).to.include({ kind: 'wait', reason: 'Pending', message: 'refused', againMs: 5000 });
  });

  it('ends where the registry refuses', () => {
    const action = nextAction(
      aBuildSeen({ existing: { kind: 'refused', message: 'no ecr:DescribeImages' } }),
    );
    expect(action).to.deep.include({ failure: { reason: 'PushDenied', message: 'no ecr:DescribeImages' } });
  });

  it('waits while the builder says nothing of a build that runs', () => {
    const action = nextAction(during({ kind: 'unanswered', message: 'Rate exceeded' }));
    expect(action).to.deep.equal({
      kind: 'wait',
      reason: 'BuilderNotAnswering',
      message: 'Rate exceeded',
      againMs: 500,
    });
  });

  it('waits while queued and while running', () => {
    expect(nextAction(during({ kind: 'queued' }))).to.include({ kind: 'wait', reason: 'Queued' });
    expect(nextAction(during({ kind: 'running' }))).to.include({ kind: 'wait', reason: 'Building' });
  });

  it('gives up a build that is queued too long, and stops it', () => {
    const action = nextAction(during({ kind: 'queued' }, { now: after(1801) }));
    expect(action).to.deep.include({ kind: 'fail', stop: true });
    expect(action).to.have.nested.property('failure.reason', 'QueueTimeout');
  });

  it('gives up a build that its builder does not end', () => {
    const action = nextAction(during({ kind: 'running', since: stampOf(T0) }, { now: after(1861) }));
    expect(action).to.have.nested.property('failure.reason', 'BuildTimeout');
  });

  it('does not take the builder’s preparation for build time', () => {
    const state = { kind: 'running', since: stampOf(T0), timeoutFrom: stampOf(after(600)) } as const;
    const spec = { timeoutSeconds: 60 };
    expect(nextAction(during(state, { spec, now: after(700) }))).to.include({
      kind: 'wait',
      reason: 'Building',
    });
    const late = nextAction(during(state, { spec, now: after(721) }));
    expect(late).to.have.nested.property('failure.reason', 'BuildTimeout');
  });

  it('calls a build done when the registry shows what was pushed', () => {
    const state: BuildState = { kind: 'succeeded', digest: DIGEST };
    expect(nextAction(during(state, { existing: { kind: 'absent' } }))).to.include({ kind: 'wait' });
    const action = nextAction(during(state, { existing: { kind: 'present', digest: DIGEST } }));
    expect(action).to.deep.equal({
      kind: 'succeed',
      image: IMAGE,
      origin: anOrigin(),
      digest: DIGEST,
      cacheHit: false,
    });
  });

  it('never tries a failing Dockerfile again', () => {
    const action = nextAction(
      during({ kind: 'failed', reason: 'DockerfileFailed', message: 'RUN false', logTail: ['x'] }),
    );
    expect(action).to.deep.include({
      kind: 'fail',
      failure: { reason: 'DockerfileFailed', message: 'RUN false', logTail: ['x'] },
    });
  });

  it('tries again when the builder failed or lost the build, three times in all', () => {
    const now = after(31);
    expect(nextAction(during({ kind: 'unknown' }, { now }))).to.include({ kind: 'endAttempt' });
    expect(nextAction(during({ kind: 'unknown' }, { now, attempts: 3 }))).to.include({ kind: 'fail' });
  });

  it('gives a builder half a minute to know a build that it has taken', () => {
    expect(nextAction(during({ kind: 'unknown' }))).to.include({ kind: 'wait', reason: 'Queued' });
  });

  for (const [reason, retried] of [
    ['BaseImageRateLimited', true],
    ['BuilderFault', true],
    ['BuildStopped', false],
    ['TagImmutable', true],
    ['BaseImageNotFound', false],
  ] as const)
    it(`${retried ? 'tries again' : 'gives up'} after ${reason}`, () => {
      const action = nextAction(during({ kind: 'failed', reason, message: 'm', logTail: [] }));
      expect(action.kind).to.equal(retried ? 'endAttempt' : 'fail');
    });

  it('was given up where other builds of the account had all of CodeBuild for half an hour', () => {
    const codebuild = { backend: 'CodeBuild', pollMs: 1000 } as const;
    const buildkit = { backend: 'BuildKit', pollMs: 1000 } as const;
    const overdue = (over: Parameters<typeof during>[1]) =>
      nextAction(during({ kind: 'queued' }, { now: after(1801), ...over }));
    expect(overdue({ builder: codebuild })).to.include({ kind: 'endAttempt', stop: true });
    expect(overdue({ builder: codebuild, attempts: 3 })).to.include({ kind: 'fail', stop: true });
    expect(overdue({ builder: buildkit })).to.include({ kind: 'fail', stop: true });
    const ended: BuildState = { kind: 'failed', reason: 'QueueTimeout', message: 'm', logTail: [] };
    expect(nextAction(during(ended, { builder: codebuild }))).to.include({ kind: 'endAttempt', stop: false });
  });

  it('pauses between two attempts', () => {
    const attempts = [{ ...open, completionTime: stampOf(T0) }];
    const action = nextAction(aBuildSeen({ taskBuild: aTaskBuild({ status: { attempts } }) }));
    expect(action).to.deep.include({ kind: 'wait', reason: 'Retrying' });
    // Ten seconds less up to a half by chance, and five have passed.
    expect(action).to.have.property('againMs').within(0, 5000);
  });

  it('stops the build when cancelled', () => {
    const action = nextAction(during({ kind: 'running' }, { spec: { cancelled: true } }));
    expect(action).to.deep.include({ kind: 'fail', stop: true });
  });
});

describe('a builder that takes no build', () => {
  const attempt = { number: 1, token: 'sb-build-1', openedTime: stampOf(T0) };
  const refused = (reason: ProviderReason, now = after(1)) =>
    afterRefusal(aBuildSeen({ now, taskBuild: begun([attempt]) }), attempt, { reason, message: 'm' });

  it('is asked again where that can help', () => {
    expect(refused('QuotaExceeded')).to.include({ kind: 'wait', reason: 'QuotaExceeded', message: 'm' });
    expect(refused('Throttled')).to.include({ kind: 'wait', reason: 'BuilderNotAnswering' });
    expect(refused('Unavailable')).to.include({ kind: 'wait', reason: 'BuilderNotAnswering' });
  });

  it('is asked the later the longer it has been so, a minute later at most', () => {
    const pause = (seconds: number) => refused('QuotaExceeded', after(seconds));
    expect(pause(0)).to.have.property('againMs').within(1000, 2000);
    expect(pause(20)).to.have.property('againMs').within(10_000, 20_000);
    expect(pause(3600)).to.have.property('againMs').within(30_000, 60_000);
  });

  for (const [reason, meant] of [
    ['AccessDenied', 'BuilderAccessDenied'],
    ['NotFound', 'BuilderNotFound'],
    ['Invalid', 'BuildRejected'],
  ] as const)
    it(`ends the build where it never will: ${meant}`, () => {
      expect(refused(reason)).to.deep.equal({
        kind: 'fail',
        failure: { reason: meant, message: 'm' },
        stop: false,
      });
    });
});

describe('the status of a TaskBuild', () => {
  it('records the handle of a started build', () => {
    const status = taskBuildStatus(aBuildSeen({ taskBuild: begun([{ number: 1, token: 'sb-build-1' }]) }), {
      kind: 'started',
      handle: { id: 'sb-build-1', namespace: 'default' },
    });
    expect(status.attempts).to.deep.equal([
      { number: 1, token: 'sb-build-1', buildId: 'sb-build-1', startTime: stampOf(after(5)) },
    ]);
  });

  it('keeps reason, message and last lines of a failure', () => {
    const failure = { reason: 'DockerfileFailed' as const, message: 'RUN false', logTail: ['a', 'b'] };
    const status = taskBuildStatus(during({ kind: 'queued' }), { kind: 'fail', failure, stop: false });
    expect(status.attempts?.[0]).to.include({
      reason: 'DockerfileFailed',
      completionTime: stampOf(after(5)),
    });
    expect(status.conditions?.[0]).to.include({ status: 'False', reason: 'DockerfileFailed' });
  });

  it('keeps the failing step, the phases and the address of the log', () => {
    const phases = [{ name: 'BUILD', seconds: 12.5 }];
    const failure = { reason: 'DockerfileFailed' as const, message: 'm', failedStep: 'RUN false' };
    const state: BuildState = { kind: 'failed', ...failure, logTail: [], phases, logUrl: 'https://logs' };
    const status = taskBuildStatus(during(state), { kind: 'fail', failure, stop: false });
    expect(status.attempts?.[0]).to.deep.include({ failedStep: 'RUN false', phases, logUrl: 'https://logs' });
  });

  it('does not record the phases of a build that still runs: each would be a write', () => {
    const state: BuildState = { kind: 'running', phases: [{ name: 'QUEUED', seconds: 1 }] };
    const wait = { kind: 'wait', reason: 'Building', message: 'm' } as const;
    expect(taskBuildStatus(during(state), wait).attempts?.[0]).not.to.have.property('phases');
  });
});

describe('the report on a TaskBuild', () => {
  const reported = (seen: Observed, done: Done) => reportOf(seen, done, taskBuildStatus(seen, done));

  it('is not written a second time where nothing has changed', () => {
    const wait = { kind: 'wait', reason: 'Queued', message: 'build sb-build-1 waits', againMs: 500 } as const;
    const seen = during({ kind: 'queued' });
    expect(reported(seen, wait)).to.deep.equal({ write: true, againMs: 500 });
    const taskBuild = { ...seen.taskBuild, status: taskBuildStatus(seen, wait) };
    expect(reported({ ...seen, taskBuild }, wait)).to.deep.equal({ write: false, againMs: 500 });
  });

  it('has the builder asked again after a start, and nobody about a build that waits for a slot', () => {
    const handle = { id: 'sb-build-1', namespace: 'default' };
    expect(reported(during({ kind: 'queued' }), { kind: 'started', handle }).againMs).to.equal(1000);
    const position = { queuedAhead: 0, limit: 1, share: 1 };
    expect(reported(aBuildSeen({ position }), waitInQueue(position))).to.deep.equal({ write: true });
  });
});

describe('a TaskBuild', () => {
  const position = { queuedAhead: 0, limit: 1, share: 1 };

  it('keeps slot or position while an attempt is open, and while it waits', () => {
    expect(keepsSlot(during({ kind: 'queued' }), afterUnrecorded('no'))).to.equal(true);
    expect(keepsSlot(aBuildSeen({ position }), waitInQueue(position))).to.equal(true);
    const attempt = { number: 1, token: 't' };
    const opened = { kind: 'opened', image: IMAGE, origin: anOrigin(), attempt } as const;
    expect(keepsSlot(aBuildSeen(), opened)).to.equal(true);
  });

  it('gives them up where it waits for anything else, or ends', () => {
    const retrying = { kind: 'wait', reason: 'Retrying', message: 'm' } as const;
    expect(keepsSlot(aBuildSeen(), retrying)).to.equal(false);
    const failure = { reason: 'Cancelled', message: 'm' } as const;
    expect(keepsSlot(aBuildSeen(), { kind: 'fail', failure, stop: false })).to.equal(false);
  });
});

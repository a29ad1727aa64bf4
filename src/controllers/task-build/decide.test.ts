import { expect } from 'chai';
import { after, anOrigin, aTaskBuild, stampOf, T0 } from '../../../test/support/builders.ts';
import type { TaskBuildSpec } from '../../crds/task-build.ts';
import type { ProviderReason } from '../../providers/errors.ts';
import type { BuildState } from '../../providers/image-builder/port.ts';
import type { StateSeen } from './build-states.ts';
import type { Observed } from './observe.ts';
import { afterRefusal, nextAction, waitInQueue } from './decide.ts';
import { taskBuildStatus } from './status.ts';

const IMAGE = 'registry:5000/sandboxes:ctx-1';
const DIGEST = `sha256:${'ab'.repeat(32)}`;

const seen = (over: Partial<Observed> = {}): Observed => ({
  taskBuild: aTaskBuild(),
  backend: 'BuildKit',
  limits: { timeoutSeconds: 7200, queueTimeoutSeconds: 7200 },
  image: IMAGE,
  origin: anOrigin(),
  context: { kind: 'present' },
  existing: { kind: 'absent' },
  now: after(5),
  ...over,
});

const open = { number: 1, token: 'sb-build-1', buildId: 'sb-build-1', startTime: stampOf(T0) };

function during(
  state: StateSeen | undefined,
  over: Partial<Observed> & { spec?: Partial<TaskBuildSpec>; attempts?: number } = {},
): Observed {
  const { spec = {}, attempts = 1, ...rest } = over;
  const earlier = Array.from({ length: attempts - 1 }, (_, index) => ({
    ...open,
    number: index + 1,
    completionTime: stampOf(T0),
  }));
  const taskBuild = aTaskBuild({ spec, status: { image: IMAGE, attempts: [...earlier, open] } });
  return seen({ taskBuild, open, existing: { kind: 'notAsked' }, ...(state && { state }), ...rest });
}

describe('the next action of a TaskBuild', () => {
  it('builds nothing where the image exists', () => {
    const action = nextAction(seen({ existing: { kind: 'present', digest: DIGEST } }));
    expect(action).to.deep.equal({ kind: 'succeed', image: IMAGE, digest: DIGEST, cacheHit: true });
  });

  it('ends at once where it must not be begun, whatever exists', () => {
    const refusal = { reason: 'RepositoryNotAllowed', message: 'spec.repository: x' } as const;
    const existing = { kind: 'present', digest: DIGEST } as const;
    expect(nextAction(seen({ refusal, existing }))).to.deep.equal({
      kind: 'fail',
      failure: refusal,
      stop: false,
    });
  });

  it('begins an attempt anew of which no origin was recorded: its image would be anybody’s', () => {
    const { origin: _, ...unknown } = during({ kind: 'succeeded', digest: DIGEST });
    expect(nextAction(unknown)).to.include({ kind: 'endAttempt' });
  });

  it('refuses a backend that this operator has not, but takes an image that exists', () => {
    const taskBuild = aTaskBuild({ spec: { backend: 'CodeBuild' } });
    expect(nextAction(seen({ taskBuild }))).to.deep.include({
      kind: 'fail',
      failure: {
        reason: 'BackendNotConfigured',
        message: 'spec.backend: this operator builds with BuildKit, not with CodeBuild',
      },
    });
    const existing = { kind: 'present', digest: DIGEST } as const;
    expect(nextAction(seen({ taskBuild, existing }))).to.include({ kind: 'succeed' });
    expect(nextAction(seen({ taskBuild, backend: 'CodeBuild' }))).to.include({ kind: 'openAttempt' });
  });

  it('waits in the queue, and reports its position in steps that double', () => {
    const position = { queuedAhead: 0, limit: 20, share: 20 };
    expect(nextAction(seen({ position }))).to.deep.equal({
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
      expect(nextAction(seen({ taskBuild }))).to.deep.include({
        kind: 'fail',
        failure: {
          reason: 'BuildRejected',
          message: `spec.${field}: 7201 is more than the 7200 that this operator allows`,
        },
      });
      const existing = { kind: 'present', digest: DIGEST } as const;
      expect(nextAction(seen({ taskBuild, existing }))).to.include({ kind: 'succeed' });
    }
    const spec = { timeoutSeconds: 7200, queueTimeoutSeconds: 7200 };
    expect(nextAction(seen({ taskBuild: aTaskBuild({ spec }) }))).to.include({ kind: 'openAttempt' });
  });

  it('counts no time of waiting for a slot as time in the builder’s queue', () => {
    const early = { ...open, startTime: stampOf(after(86_400)) };
    const taskBuild = aTaskBuild({
      spec: { queueTimeoutSeconds: 60 },
      status: { image: IMAGE, attempts: [early] },
    });
    const position = { queuedAhead: 0, limit: 1, share: 1 };
    expect(nextAction(seen({ taskBuild, position, now: after(86_000) }))).to.include({
      reason: 'WaitingForSlot',
    });
    const queued = seen({ taskBuild, open: early, state: { kind: 'queued' }, now: after(86_430) });
    expect(nextAction(queued)).to.include({ kind: 'wait', reason: 'Queued' });
  });

  it('writes the token of an attempt down before anything is started', () => {
    expect(nextAction(seen())).to.include({ kind: 'openAttempt', image: IMAGE });
  });

  it('starts the attempt that was written down', () => {
    const attempt = { number: 1, token: 'sb-build-1' };
    expect(nextAction(seen({ open: attempt }))).to.deep.include({ kind: 'start', attempt });
  });

  it('waits for a registry that does not answer, and starts nothing', () => {
    const action = nextAction(seen({ existing: { kind: 'unavailable', message: 'refused' } }));
    expect(action).to.include({ kind: 'wait', reason: 'RegistryUnavailable' });
  });

  it('waits for a bucket that does not say what is on record', () => {
    const action = nextAction(seen({ existing: { kind: 'recordUnread', message: 'no s3:GetObject' } }));
    expect(action).to.include({ kind: 'wait', reason: 'Pending', message: 'no s3:GetObject', againMs: 5000 });
  });

  it('ends where the context is missing', () => {
    const action = nextAction(seen({ context: { kind: 'missing', message: 'there is no object s3://a/b' } }));
    expect(action).to.deep.include({
      kind: 'fail',
      failure: { reason: 'ContextNotFound', message: 'there is no object s3://a/b' },
    });
  });

  it('takes an image that exists although its context is gone', () => {
    const action = nextAction(
      seen({
        context: { kind: 'missing', message: 'gone' },
        existing: { kind: 'present', digest: DIGEST },
      }),
    );
    expect(action).to.include({ kind: 'succeed', cacheHit: true });
  });

  it('waits for a store that does not answer', () => {
    const action = nextAction(seen({ context: { kind: 'unavailable', message: 'refused' } }));
    expect(action).to.include({ kind: 'wait', reason: 'Pending', message: 'refused', againMs: 5000 });
  });

  it('ends where the registry refuses', () => {
    const action = nextAction(seen({ existing: { kind: 'refused', message: 'no ecr:DescribeImages' } }));
    expect(action).to.deep.include({ failure: { reason: 'PushDenied', message: 'no ecr:DescribeImages' } });
  });

  it('waits while the builder says nothing of a build that runs', () => {
    const action = nextAction(during({ kind: 'unanswered', message: 'Rate exceeded' }));
    expect(action).to.deep.equal({ kind: 'wait', reason: 'BuilderNotAnswering', message: 'Rate exceeded' });
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
    expect(action).to.deep.equal({ kind: 'succeed', image: IMAGE, digest: DIGEST, cacheHit: false });
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

  it('pauses between two attempts', () => {
    const attempts = [{ ...open, completionTime: stampOf(T0) }];
    const action = nextAction(seen({ taskBuild: aTaskBuild({ status: { attempts } }) }));
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
    afterRefusal(seen({ now, open: attempt }), attempt, { reason, message: 'm' });

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
    const status = taskBuildStatus(
      seen({
        open: { number: 1, token: 'sb-build-1' },
        taskBuild: aTaskBuild({ status: { attempts: [{ number: 1, token: 'sb-build-1' }] } }),
      }),
      {
        kind: 'started',
        image: IMAGE,
        handle: { id: 'sb-build-1', namespace: 'default' },
      },
    );
    expect(status.attempts).to.deep.equal([
      { number: 1, token: 'sb-build-1', buildId: 'sb-build-1', startTime: stampOf(after(5)) },
    ]);
  });

  it('keeps reason, message and last lines of a failure', () => {
    const failure = { reason: 'DockerfileFailed' as const, message: 'RUN false', logTail: ['a', 'b'] };
    const status = taskBuildStatus(during(undefined), { kind: 'fail', failure, stop: false });
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

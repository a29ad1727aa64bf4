import { expect } from 'chai';
import { after, aTaskBuild, stampOf, T0 } from '../../../test/support/builders.ts';
import type { TaskBuildSpec } from '../../crds/task-build.ts';
import type { BuildState } from '../../providers/image-builder/port.ts';
import type { Observed } from './observe.ts';
import { nextStep } from './plan.ts';
import { taskBuildStatus } from './status.ts';

const IMAGE = 'registry:5000/sandboxes:ctx-1';
const DIGEST = `sha256:${'ab'.repeat(32)}`;

const seen = (over: Partial<Observed> = {}): Observed => ({
  taskBuild: aTaskBuild(),
  image: IMAGE,
  existing: { kind: 'absent' },
  now: after(5),
  ...over,
});

const open = { number: 1, token: 'sb-build-1', buildId: 'sb-build-1', startTime: stampOf(T0) };

function during(
  state: BuildState | undefined,
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

describe('the next step of a TaskBuild', () => {
  it('builds nothing where the image exists', () => {
    const step = nextStep(seen({ existing: { kind: 'present', digest: DIGEST } }));
    expect(step).to.deep.equal({ kind: 'succeed', image: IMAGE, digest: DIGEST, cacheHit: true });
  });

  it('builds all the same when forced, once', () => {
    const forced = aTaskBuild({ spec: { force: true } });
    expect(nextStep(seen({ taskBuild: forced, existing: { kind: 'present', digest: DIGEST } }))).to.include({
      kind: 'openAttempt',
    });
  });

  it('writes the token of an attempt down before anything is started', () => {
    expect(nextStep(seen())).to.include({ kind: 'openAttempt', image: IMAGE });
  });

  it('starts the attempt that was written down', () => {
    const attempt = { number: 1, token: 'sb-build-1' };
    expect(nextStep(seen({ open: attempt }))).to.deep.include({ kind: 'start', attempt });
  });

  it('waits for a registry that does not answer, and starts nothing', () => {
    const step = nextStep(seen({ existing: { kind: 'unavailable', message: 'refused' } }));
    expect(step).to.include({ kind: 'wait', reason: 'RegistryUnavailable' });
  });

  it('ends where the context is missing', () => {
    const step = nextStep(seen({ contextMissing: 'there is no object s3://a/b' }));
    expect(step).to.deep.include({
      kind: 'fail',
      failure: { reason: 'ContextNotFound', message: 'there is no object s3://a/b' },
    });
  });

  it('takes an image that exists although its context is gone', () => {
    const step = nextStep(seen({ contextMissing: 'gone', existing: { kind: 'present', digest: DIGEST } }));
    expect(step).to.include({ kind: 'succeed', cacheHit: true });
  });

  it('waits while queued and while running', () => {
    expect(nextStep(during({ kind: 'queued' }))).to.include({ kind: 'wait', reason: 'Queued' });
    expect(nextStep(during({ kind: 'running' }))).to.include({ kind: 'wait', reason: 'Building' });
  });

  it('gives up a build that is queued too long, and stops it', () => {
    const step = nextStep(during({ kind: 'queued' }, { now: after(1801) }));
    expect(step).to.deep.include({ kind: 'fail', stop: true });
    expect(step).to.have.nested.property('failure.reason', 'QueueTimeout');
  });

  it('gives up a build that its builder does not end', () => {
    const step = nextStep(during({ kind: 'running', since: stampOf(T0) }, { now: after(1861) }));
    expect(step).to.have.nested.property('failure.reason', 'BuildTimeout');
  });

  it('calls a build done when the registry shows what was pushed', () => {
    const state: BuildState = { kind: 'succeeded', digest: DIGEST };
    expect(nextStep(during(state, { existing: { kind: 'absent' } }))).to.include({ kind: 'wait' });
    const step = nextStep(during(state, { existing: { kind: 'present', digest: DIGEST } }));
    expect(step).to.deep.equal({ kind: 'succeed', image: IMAGE, digest: DIGEST, cacheHit: false });
  });

  it('never tries a failing Dockerfile again', () => {
    const step = nextStep(
      during({ kind: 'failed', reason: 'DockerfileFailed', message: 'RUN false', logTail: ['x'] }),
    );
    expect(step).to.deep.include({
      kind: 'fail',
      failure: { reason: 'DockerfileFailed', message: 'RUN false', logTail: ['x'] },
    });
  });

  it('tries again when the builder failed or lost the build, three times in all', () => {
    expect(nextStep(during({ kind: 'unknown' }))).to.include({ kind: 'endAttempt' });
    expect(nextStep(during({ kind: 'unknown' }, { attempts: 3 }))).to.include({ kind: 'fail' });
  });

  it('pauses between two attempts', () => {
    const attempts = [{ ...open, completionTime: stampOf(T0) }];
    const step = nextStep(seen({ taskBuild: aTaskBuild({ status: { attempts } }) }));
    expect(step).to.deep.include({ kind: 'wait', reason: 'Retrying', againMs: 5000 });
  });

  it('stops the build when cancelled', () => {
    const step = nextStep(during({ kind: 'running' }, { spec: { cancelled: true } }));
    expect(step).to.deep.include({ kind: 'fail', stop: true });
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
});

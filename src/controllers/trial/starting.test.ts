import { expect } from 'chai';
import {
  after,
  aJob,
  anOutcome,
  aPod,
  aTrial,
  containerStatus,
  endedPod,
  stampOf,
} from '../../../test/support/builders/objects.ts';
import { aTrialSeen } from '../../../test/support/builders/trial-seen.ts';
import type { TrialKnown } from '../../../test/support/builders/trial-seen.ts';
import type { Pod } from '../../kube/kinds.ts';
import { nextAction } from './decide.ts';

type Spec = Pod['spec'];
type State = NonNullable<ReturnType<typeof containerStatus>['state']>;

const courier = { name: 'courier', restartPolicy: 'Always' };
/** The agent's container ends before the verifier's starts. */
const ONE_STEP: Spec = {
  restartPolicy: 'Never',
  initContainers: [courier, { name: 'task' }],
  containers: [{ name: 'verifier' }],
};
/** They start beside each other. */
const STEPS: Spec = {
  restartPolicy: 'Never',
  initContainers: [courier],
  containers: [{ name: 'task' }, { name: 'verifier-1' }],
};

const startedAt = stampOf(after(1));
const running: State = { running: { startedAt } };
/** The agent's, a hundred seconds after it was created. */
const ended: State = { terminated: { exitCode: 0, startedAt, finishedAt: stampOf(after(100)) } };
const waits = (reason: string, message = 'why'): State => ({ waiting: { reason, message } });

function aPodOf(spec: Spec, states: Record<string, State>, deletionTimestamp?: string): Pod {
  const statuses = (containers: { name: string }[] = []) =>
    containers.flatMap(({ name }) => (states[name] ? [containerStatus(name, states[name])] : []));
  const pod = aPod(aJob(aTrial()), deletionTimestamp === undefined ? {} : { deletionTimestamp });
  return {
    ...pod,
    ...(spec && { spec }),
    status: {
      phase: 'Pending',
      initContainerStatuses: statuses(spec?.initContainers),
      containerStatuses: statuses(spec?.containers),
    },
  };
}

const recorded = { number: 1, jobName: 'hello-1' };

function action(pod: Pod, more: TrialKnown = {}) {
  const trial = more.trial ?? aTrial();
  return nextAction(aTrialSeen({ recorded, ...more, trial, job: { kind: 'own', job: aJob(trial) }, pod }));
}

const afterAgent = (verifier: State, more: TrialKnown = {}) =>
  action(aPodOf(ONE_STEP, { courier: running, task: ended, verifier }), more);

describe('the Job of a Trial in a queue', () => {
  const HOURS = 20_000;
  const condition = (status: string) => ({ conditions: [{ type: 'Suspended', status }] });
  function seenAs(suspend: boolean, status: object, pod?: Pod): object {
    const trial = aTrial();
    const job = aJob(trial);
    const held = { ...job, spec: { ...job.spec!, suspend }, status };
    return nextAction(
      aTrialSeen({
        recorded,
        trial,
        job: { kind: 'own', job: held },
        now: after(HOURS),
        ...(pod && { pod }),
      }),
    );
  }
  const waiting = {
    kind: 'wait',
    reason: 'HeldByQueue',
    message: 'its Job is suspended: a queue (Kueue) has not admitted it yet',
  };

  it('is waited for as long as the queue holds it back, without a timeout', () => {
    expect(seenAs(true, {})).to.deep.equal(waiting);
    expect(seenAs(true, condition('True'))).to.deep.equal(waiting);
  });

  it('is not late in the moment in which it is admitted', () => {
    expect(seenAs(false, condition('True'))).to.deep.equal(waiting);
  });

  it('is not late where its Pod is seen before the Job is known to be admitted', () => {
    const pod = aPodOf(ONE_STEP, {});
    expect(seenAs(false, condition('True'), pod)).to.include({ kind: 'wait' });
  });

  it('has the whole timeout from then on', () => {
    const admitted = (ago: number) =>
      seenAs(false, { ...condition('False'), startTime: stampOf(after(HOURS - ago)) });
    expect(admitted(1799)).to.include({ kind: 'wait', reason: 'Pending' });
    expect(admitted(1801)).to.include({ kind: 'fail', reason: 'StartTimeout' });
  });
});

describe('the container of a separate verifier', () => {
  it('is nobody’s trouble before its turn', () => {
    const during = { courier: running, task: running, verifier: waits('PodInitializing') };
    expect(action(aPodOf(ONE_STEP, during), { now: after(9999) })).to.deep.equal({
      kind: 'wait',
      reason: 'Running',
      message: `Pod hello-1-abcde runs since ${startedAt}`,
    });
  });

  it('may take a moment that nobody needs to hear of', () => {
    const starting = afterAgent(waits('PodInitializing'), { now: after(110) });
    expect(starting).to.deep.include({ kind: 'wait', reason: 'Running', againMs: 1_790_100 });
  });

  it('waits for an image that cannot be pulled, in the kubelet’s words', () => {
    expect(afterAgent(waits('ImagePullBackOff', 'Back-off'), { now: after(110) })).to.deep.equal({
      kind: 'wait',
      reason: 'PullingImage',
      message: 'container verifier: ImagePullBackOff: Back-off',
      againMs: 1_790_100,
    });
  });

  const overdue: [says: string, State, now: number, reason: string, within: number, words: string][] = [
    ['ErrImagePull', waits('ErrImagePull'), 1901, 'ImagePullFailed', 1800, ': ErrImagePull: why'],
    ['ImagePullBackOff', waits('ImagePullBackOff'), 1901, 'ImagePullFailed', 1800, ': ImagePullBackOff: why'],
    ['InvalidImageName', waits('InvalidImageName'), 101, 'ImageNotFound', 0, ': InvalidImageName: why'],
    [
      'CreateContainerConfigError',
      waits('CreateContainerConfigError', 'secret "s" not found'),
      121,
      'SecretNotFound',
      20,
      ': CreateContainerConfigError: secret "s" not found',
    ],
    ['nothing that is known', waits('CreateContainerError'), 1901, 'StartTimeout', 1800, ''],
    ['nothing', waits('ContainerCreating'), 1901, 'StartTimeout', 1800, ''],
  ];
  for (const [says, verifier, now, because, within, words] of overdue)
    it(`has as much time as the agent’s where the kubelet says ${says}: then it is put on the record, and the Pod ended`, () => {
      const message = `container verifier did not start within ${within} s of its turn${words}`;
      expect(afterAgent(verifier, { now: after(now - 2) })).to.include({ kind: 'wait' });
      expect(afterAgent(verifier, { now: after(now) })).to.deep.equal({
        kind: 'recordStop',
        because,
        message,
      });
      const known = { ...recorded, reason: because, message };
      expect(afterAgent(verifier, { now: after(now), recorded: known })).to.deep.equal({
        kind: 'stop',
        because,
        message,
      });
    });

  it('has the time that the Trial gives its Pod', () => {
    const trial = aTrial({ spec: { startTimeoutSeconds: 45 } });
    expect(afterAgent(waits('ErrImagePull'), { trial, now: after(146) })).to.include({
      kind: 'recordStop',
      because: 'ImagePullFailed',
    });
  });

  it('is looked at from the beginning where it starts beside the agent’s', () => {
    const pod = aPodOf(STEPS, { courier: running, task: running, 'verifier-1': waits('ErrImagePull') });
    expect(action(pod, { now: after(1800) })).to.include({ kind: 'wait', reason: 'PullingImage' });
    expect(action(pod, { now: after(1802) })).to.include({ kind: 'recordStop', because: 'ImagePullFailed' });
    const all = { courier: running, task: running, 'verifier-1': running };
    expect(action(aPodOf(STEPS, all), { now: after(9999) })).to.include({ kind: 'wait', reason: 'Running' });
  });

  it('is not awaited once the courier has spoken, or the Pod is being ended', () => {
    const outcome = anOutcome({ result: { kind: 'failed', reason: 'Cancelled', message: 'told to stop' } });
    const late = { now: after(1901) };
    expect(afterAgent(waits('ErrImagePull'), { ...late, outcome })).to.include({ reason: 'Stopping' });
    const states = { courier: running, task: ended, verifier: waits('ErrImagePull') };
    const drained = aPodOf(ONE_STEP, states, stampOf(after(1950)));
    expect(action(drained, late)).to.include({ kind: 'wait', reason: 'Stopping' });
  });

  describe('that did not start', () => {
    const known = {
      ...recorded,
      reason: 'ImagePullFailed',
      message: 'container verifier did not start within 1800 s of its turn: ErrImagePull: why',
    };
    const told = anOutcome({
      result: { kind: 'failed', reason: 'Cancelled', message: 'the Pod was asked to stop during verifier' },
      exception: { type: 'CancelledError', message: 'the Pod was asked to stop', phase: 'verifier' },
    });
    const stopped = (more: TrialKnown = {}) => {
      const trial = more.trial ?? aTrial();
      const job = aJob(trial);
      const pod = aPod(job, { status: endedPod(JSON.stringify(told)) });
      const seen = { recorded: known, outcome: told, ...more, trial };
      return nextAction(aTrialSeen({ ...seen, job: { kind: 'own', job }, pod, now: after(2000) }));
    };

    it('fails the Trial with what the courier has stored, and buys the agent no other attempt', () => {
      const { reason, message } = known;
      expect(stopped()).to.deep.equal({
        kind: 'fail',
        reason,
        message,
        outcome: {
          ...told,
          result: { kind: 'failed', reason, message },
          exception: { type: reason, message, phase: 'verifier' },
        },
      });
    });

    it('fails it, too, where nothing is left of Pod and Job', () => {
      expect(nextAction(aTrialSeen({ recorded: known }))).to.deep.equal({
        kind: 'fail',
        reason: known.reason,
        message: known.message,
      });
    });

    it('goes on being ended although the image has come meanwhile, and counts if it judged all the same', () => {
      expect(afterAgent(running, { recorded: known, now: after(1902) })).to.include({ kind: 'stop' });
      expect(stopped({ outcome: anOutcome() })).to.include({ kind: 'succeed' });
    });

    it('is cancelled where the user wants that', () => {
      expect(stopped({ trial: aTrial({ spec: { cancel: true } }) })).to.include({ reason: 'Cancelled' });
    });
  });
});

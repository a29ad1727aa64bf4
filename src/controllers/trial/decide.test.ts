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
  T0,
} from '../../../test/support/builders/objects.ts';
import { aTrialSeen, READY } from '../../../test/support/builders/trial-seen.ts';
import type { TrialKnown } from '../../../test/support/builders/trial-seen.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import type { Observed } from './observed.ts';
import { nextAction } from './decide.ts';

/** An attempt whose Pod has this status. */
function during(status: Pod['status'], over: TrialKnown & { deletionTimestamp?: string } = {}): Observed {
  const { deletionTimestamp, ...rest } = over;
  const trial = rest.trial ?? aTrial();
  const job = aJob(trial);
  return aTrialSeen({
    ...rest,
    trial,
    job: { kind: 'own', job },
    pod: aPod(job, {
      ...(status && { status }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    }),
  });
}

const running: Pod['status'] = {
  phase: 'Running',
  containerStatuses: [containerStatus('task', { running: { startedAt: stampOf(after(1)) } })],
};

const failed = (reason: string) => ({ kind: 'fail', reason });

describe('the next action of a Trial', () => {
  describe('before an attempt', () => {
    it('creates the Job when task and image are there', () => {
      expect(nextAction(aTrialSeen({ image: READY }))).to.include({ kind: 'createJob' });
    });

    it('waits while the image is building', () => {
      const image = {
        kind: 'building',
        taskBuild: 'build-1',
        message: 'TaskBuild build-1: Building',
      } as const;
      expect(nextAction(aTrialSeen({ image }))).to.include({ kind: 'wait', reason: 'BuildingImage' });
    });

    it('makes no Pod before the NetworkPolicies of its namespace are in place', () => {
      const seen = aTrialSeen({ policies: { kind: 'awaited' } });
      expect(nextAction(seen)).to.deep.include({ kind: 'wait', reason: 'NetworkPending', againMs: 1000 });
    });

    it('ends where the API server will never take them, and waits where it may', () => {
      const message =
        'networkpolicies.networking.k8s.io is forbidden: User "sb-operator" cannot create resource';
      expect(nextAction(aTrialSeen({ policies: { kind: 'refused', message } }))).to.include(
        failed('JobRejected'),
      );
      const full = 'networkpolicies "a" is forbidden: exceeded quota: q, requested: 1, used: 4, limited: 4';
      expect(nextAction(aTrialSeen({ policies: { kind: 'refused', message: full } }))).to.deep.include({
        kind: 'wait',
        reason: 'Pending',
      });
    });

    it('has its image built meanwhile', () => {
      const image = { kind: 'toBuild', taskBuild: 'b' } as const;
      const seen = aTrialSeen({ image, policies: { kind: 'awaited' } });
      expect(nextAction(seen)).to.include({ kind: 'createBuild' });
    });

    it('asks for a build of content that nobody has built', () => {
      expect(nextAction(aTrialSeen({ image: { kind: 'toBuild', taskBuild: 'build-1' } }))).to.include({
        kind: 'createBuild',
        taskBuild: 'build-1',
      });
    });

    it('ends with the reason that the image has', () => {
      expect(
        nextAction(aTrialSeen({ image: { kind: 'failed', reason: 'ImageNotFound', message: 'none' } })),
      ).to.include(failed('ImageNotFound'));
    });

    it('waits for a registry that does not answer', () => {
      expect(nextAction(aTrialSeen({ image: { kind: 'unavailable', message: 'refused' } }))).to.include({
        kind: 'wait',
        reason: 'RegistryUnavailable',
      });
    });

    it('ends with TaskNotFound where the task is missing, whatever the image', () => {
      const taskFault = { reason: 'TaskNotFound', message: 'there is no object s3://a/b' } as const;
      expect(nextAction(aTrialSeen({ image: READY, taskFault }))).to.include(failed('TaskNotFound'));
    });

    it('ends with TaskMismatch where the task’s ConfigMap has changed since an earlier attempt', () => {
      const attempts = [
        {
          number: 1,
          jobName: 'hello-1',
          completionTime: stampOf(T0),
          reason: 'PodLost',
          taskContent: 'aaaa',
        },
      ];
      const again = { ...aTrial(), status: { attempts } };
      const second = (taskContent?: string) =>
        nextAction(
          aTrialSeen({
            trial: again,
            attempt: 2,
            image: READY,
            now: after(3600),
            ...(taskContent && { taskContent }),
          }),
        );
      expect(second('aaaa')).to.include({ kind: 'createJob', taskContent: 'aaaa' });
      expect(second('bbbb')).to.deep.equal({
        ...failed('TaskMismatch'),
        message: 'ConfigMap hello-task has changed since attempt 1: its files were aaaa and are bbbb',
      });
    });

    it('does nothing while suspended', () => {
      expect(nextAction(aTrialSeen({ trial: aTrial({ spec: { suspend: true } }) }))).to.include({
        kind: 'wait',
        reason: 'Suspended',
      });
    });

    it('ends at once when cancelled, suspended or not', () => {
      expect(nextAction(aTrialSeen({ trial: aTrial({ spec: { cancel: true, suspend: true } }) }))).to.include(
        failed('Cancelled'),
      );
    });

    it('pauses after a failed attempt, twice as long after the second', () => {
      const attempts = [1, 2].map((number) => ({
        number,
        jobName: `hello-${number}`,
        reason: 'Evicted',
        completionTime: stampOf(T0),
      }));
      const action = nextAction(
        aTrialSeen({ trial: aTrial({ status: { attempts } }), attempt: 3, now: after(5), image: READY }),
      );
      expect(action).to.deep.include({ kind: 'wait', reason: 'Retrying', againMs: 15_000 });
    });
  });

  it('never adopts a Job of somebody else', () => {
    expect(nextAction(aTrialSeen({ job: { kind: 'foreign' } }))).to.include(failed('NameConflict'));
  });

  it('waits for the Job of an earlier Trial of its name to be removed, unless it is cancelled', () => {
    const job = { kind: 'leftover' } as const;
    expect(nextAction(aTrialSeen({ job }))).to.include({ kind: 'wait', reason: 'Pending' });
    expect(nextAction(aTrialSeen({ job, trial: aTrial({ spec: { cancel: true } }) }))).to.include(
      failed('Cancelled'),
    );
  });

  it('ends the attempt where the Pod in its Job’s name is another than was rendered, and says what differs', () => {
    const altered = 'Pod x is not what the operator rendered: container y was added';
    const trial = aTrial();
    expect(nextAction(aTrialSeen({ trial, job: { kind: 'own', job: aJob(trial) }, altered }))).to.deep.equal({
      kind: 'endAttempt',
      reason: 'PodLost',
      message: altered,
    });
  });

  describe('while the Pod starts', () => {
    it('says why it is not scheduled', () => {
      const status = {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', message: '0/2 nodes' }],
      };
      expect(nextAction(during(status))).to.include({
        kind: 'wait',
        reason: 'Unschedulable',
        message: '0/2 nodes',
      });
    });

    it('tells a Pod that the scheduler has not looked at from one that the kubelet prepares', () => {
      expect(nextAction(during({ phase: 'Pending' }))).to.include({ kind: 'wait', reason: 'Pending' });
      const conditions = [{ type: 'PodScheduled', status: 'True' }];
      expect(nextAction(during({ phase: 'Pending', conditions }))).to.include({
        kind: 'wait',
        reason: 'PullingImage',
      });
    });

    it('gives up after startTimeoutSeconds', () => {
      expect(nextAction(during({ phase: 'Pending' }, { now: after(1801) }))).to.include(
        failed('StartTimeout'),
      );
    });

    const waitingFor = (reason: string): Pod['status'] => ({
      phase: 'Pending',
      containerStatuses: [containerStatus('task', { waiting: { reason, message: 'why' } })],
    });

    it('waits for an image that cannot be pulled, up to startTimeoutSeconds', () => {
      expect(nextAction(during(waitingFor('ImagePullBackOff')))).to.include({
        kind: 'wait',
        reason: 'PullingImage',
      });
      expect(nextAction(during(waitingFor('ImagePullBackOff'), { now: after(1801) }))).to.include(
        failed('ImagePullFailed'),
      );
    });

    it('gives a missing Secret twenty seconds to appear', () => {
      expect(nextAction(during(waitingFor('CreateContainerConfigError')))).to.include({ kind: 'wait' });
      expect(nextAction(during(waitingFor('CreateContainerConfigError'), { now: after(21) }))).to.include(
        failed('SecretNotFound'),
      );
    });

    it('ends at once on a name that no image can have', () => {
      expect(nextAction(during(waitingFor('InvalidImageName')))).to.include(failed('ImageNotFound'));
    });
  });

  describe('while the Pod runs', () => {
    it('waits', () => {
      expect(nextAction(during(running))).to.include({ kind: 'wait', reason: 'Running' });
    });

    const recorded = { number: 1, jobName: 'hello-1' };

    const suspended = { ...recorded, reason: 'Suspended' };

    const cancelled = { ...recorded, reason: 'Cancelled' };

    it('puts an attempt and its cancellation on the record, then stops it', () => {
      const trial = aTrial({ spec: { cancel: true } });
      expect(nextAction(during(running, { trial }))).to.include({ kind: 'recordStop', because: 'Cancelled' });
      const [first, then] = [recorded, cancelled].map((attempt) =>
        nextAction(during(running, { recorded: attempt, trial })),
      );
      expect(first).to.include({ kind: 'recordStop', because: 'Cancelled' });
      expect(then).to.include({ kind: 'stop', because: 'Cancelled' });
    });

    it('goes on cancelling it when the field is set back after that was recorded, whatever else is asked for', () => {
      for (const trial of [aTrial(), aTrial({ spec: { suspend: true } })]) {
        const known = { trial, recorded: cancelled };
        expect(nextAction(during(running, known))).to.include({ kind: 'stop', because: 'Cancelled' });
        expect(nextAction(aTrialSeen(known))).to.include(failed('Cancelled'));
      }
    });

    it('puts a suspension on the record, then stops it', () => {
      const trial = aTrial({ spec: { suspend: true } });
      const [first, then] = [recorded, suspended].map((attempt) =>
        nextAction(during(running, { recorded: attempt, trial })),
      );
      expect(first).to.include({ kind: 'recordStop', because: 'Suspended' });
      expect(then).to.include({ kind: 'stop', because: 'Suspended' });
    });

    it('puts a suspension on the record of a Pod that somebody else has deleted, too', () => {
      const trial = aTrial({ spec: { suspend: true } });
      const deletionTimestamp = stampOf(after(40));
      expect(nextAction(during(running, { trial, recorded, deletionTimestamp }))).to.include({
        kind: 'recordStop',
      });
      const known = during(running, { trial, recorded: suspended, deletionTimestamp });
      expect(nextAction(known)).to.include({ kind: 'wait', reason: 'Stopping' });
    });

    it('goes on stopping it when the Trial is resumed after that was recorded', () => {
      expect(nextAction(during(running, { recorded: suspended }))).to.include({
        kind: 'stop',
        because: 'Suspended',
      });
    });

    it('counts a suspension that was taken back before the Pod was gone as no failure, whoever deleted the Pod', () => {
      const trial = aTrial({ spec: { maxAttempts: 1 } });
      const told = anOutcome({ result: { kind: 'failed', reason: 'Cancelled', message: 'told to stop' } });
      const ends: Observed[] = [
        during(endedPod(JSON.stringify(told)), { trial, recorded: suspended, outcome: told }),
        during(running, { trial, recorded: suspended, deletionTimestamp: stampOf(T0), now: after(16) }),
        aTrialSeen({ trial, recorded: suspended }),
      ];
      for (const end of ends) expect(nextAction(end)).to.include({ kind: 'endAttempt', reason: 'Suspended' });
    });

    it('is cancelled where that was asked for after a suspension', () => {
      const trial = aTrial({ spec: { cancel: true } });
      expect(nextAction(aTrialSeen({ trial, recorded: suspended }))).to.include(failed('Cancelled'));
    });

    it('looks again when a Pod that is being deleted should be gone', () => {
      const action = nextAction(during(running, { deletionTimestamp: stampOf(after(10)) }));
      expect(action).to.deep.include({ kind: 'wait', reason: 'Stopping', againMs: 20_100 });
    });

    it('takes silence past the grace period as a lost node', () => {
      const action = nextAction(during(running, { deletionTimestamp: stampOf(after(10)), now: after(26) }));
      expect(action).to.include({ kind: 'endAttempt', reason: 'NodeLost' });
    });
  });

  describe('after the Pod', () => {
    const over = (trial = aTrial(), outcome = anOutcome()) =>
      during(endedPod(JSON.stringify(outcome)), { trial, outcome });

    it('records the reward', () => {
      expect(nextAction(over())).to.include({ kind: 'succeed' });
    });

    it('records a reward that was obtained although the Trial was cancelled meanwhile', () => {
      expect(nextAction(over(aTrial({ spec: { cancel: true } })))).to.include({ kind: 'succeed' });
    });

    it('ends with what the courier says', () => {
      const outcome = anOutcome({ result: { kind: 'failed', reason: 'RewardMissing', message: 'no file' } });
      expect(nextAction(over(aTrial(), outcome))).to.include(failed('RewardMissing'));
    });

    it('tries again when the courier failed, and not for ever', () => {
      const outcome = anOutcome({
        result: { kind: 'failed', reason: 'CourierFailed', message: 'restarted' },
      });
      expect(nextAction(over(aTrial(), outcome))).to.include({ kind: 'endAttempt', reason: 'CourierFailed' });
      expect(nextAction(over(aTrial({ spec: { maxAttempts: 1 } }), outcome))).to.include(
        failed('CourierFailed'),
      );
    });

    it('does not count attempts as failures that were suspended, or for which nobody paid', () => {
      const attempts = ['Suspended', 'BudgetExceeded'].map((reason, index) => ({
        number: index + 1,
        jobName: `hello-${index + 1}`,
        reason,
        completionTime: stampOf(T0),
      }));
      const outcome = anOutcome({
        result: { kind: 'failed', reason: 'CourierFailed', message: 'restarted' },
      });
      const trial = aTrial({ spec: { maxAttempts: 2 }, status: { attempts } });
      expect(nextAction(over(trial, outcome))).to.include({ kind: 'endAttempt' });
    });

    it('calls an ended attempt of a cancelled Trial cancelled, and of a suspended one suspended', () => {
      const outcome = anOutcome({ result: { kind: 'failed', reason: 'Cancelled', message: 'told to stop' } });
      expect(nextAction(over(aTrial({ spec: { cancel: true } }), outcome))).to.include(failed('Cancelled'));
      expect(nextAction(over(aTrial({ spec: { suspend: true } }), outcome))).to.include({
        kind: 'endAttempt',
        reason: 'Suspended',
      });
    });

    it('retries an attempt that somebody else stopped', () => {
      const outcome = anOutcome({ result: { kind: 'failed', reason: 'Cancelled', message: 'told to stop' } });
      const job = aJob(aTrial());
      const action = nextAction(
        aTrialSeen({ job: { kind: 'own', job }, pod: aPod(job, { status: { phase: 'Failed' } }), outcome }),
      );
      expect(action).to.include({ kind: 'endAttempt', reason: 'PodLost' });
    });

    it('waits for the Pod to say why the task container went, a minute at most', () => {
      const outcome = anOutcome({
        result: { kind: 'failed', reason: 'TaskContainerExited', message: 'gone' },
      });
      const courier = containerStatus('courier', {
        terminated: { exitCode: 0, finishedAt: stampOf(after(1)) },
      });
      const status = { ...running, initContainerStatuses: [courier] };
      expect(nextAction(during(status, { outcome }))).to.include({ kind: 'wait', reason: 'Stopping' });
      expect(nextAction(during(status, { outcome, now: after(61) }))).to.include(
        failed('TaskContainerExited'),
      );
    });

    it('retries an attempt whose Pod somebody deleted, and not one whose container ended by itself', () => {
      const outcome = anOutcome({ result: { kind: 'failed', reason: 'Cancelled', message: 'told to stop' } });
      const status = endedPod(JSON.stringify(outcome));
      const deletionTimestamp = stampOf(after(4));
      expect(nextAction(during(status, { outcome, deletionTimestamp }))).to.include({
        kind: 'endAttempt',
        reason: 'PodLost',
      });
      expect(nextAction(during(status, { outcome }))).to.include(failed('TaskContainerExited'));
    });

    const ended = (terminated: object, status: object = {}): Pod['status'] => ({
      phase: 'Failed',
      containerStatuses: [containerStatus('task', { terminated: { exitCode: 137, ...terminated } })],
      ...status,
    });

    const marks: [string, Pod['status'], object][] = [
      ['OOMKilled from the container', ended({ reason: 'OOMKilled' }), failed('OOMKilled')],
      ['TaskContainerExited from any other exit', ended({ reason: 'Error' }), failed('TaskContainerExited')],
      [
        'EphemeralStorageExceeded from an eviction for its own use',
        ended(
          {},
          { reason: 'Evicted', message: 'Usage of EmptyDir volume "logs" exceeds the limit "16Gi". ' },
        ),
        failed('EphemeralStorageExceeded'),
      ],
      [
        'Evicted from a disruption, to be tried again',
        ended(
          {},
          {
            reason: 'Evicted',
            conditions: [
              { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message: '' },
            ],
          },
        ),
        { kind: 'endAttempt', reason: 'Evicted' },
      ],
      [
        'NodeLost from the taint manager, to be tried again',
        ended(
          {},
          {
            conditions: [
              { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager', message: '' },
            ],
          },
        ),
        { kind: 'endAttempt', reason: 'NodeLost' },
      ],
      [
        'PodLost where nothing tells, to be tried again',
        { phase: 'Failed' },
        { kind: 'endAttempt', reason: 'PodLost' },
      ],
    ];
    for (const [sentence, status, action] of marks)
      it(`reads ${sentence}`, () => expect(nextAction(during(status))).to.include(action));

    it('asks the Pod why its container exited when the courier only saw it go', () => {
      const outcome = anOutcome({
        result: { kind: 'failed', reason: 'TaskContainerExited', message: 'gone' },
      });
      expect(nextAction(during(ended({ reason: 'OOMKilled' }), { outcome }))).to.include(failed('OOMKilled'));
    });

    it('calls a vanished Pod lost when its Job has failed', () => {
      const trial = aTrial();
      const job = aJob(trial, {
        status: { conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }] },
      });
      expect(nextAction(aTrialSeen({ trial, job: { kind: 'own', job } }))).to.include({
        kind: 'endAttempt',
        reason: 'PodLost',
      });
    });

    it('calls it evicted when the Job says that a disruption ended it', () => {
      const trial = aTrial();
      const job = aJob(trial, {
        status: {
          conditions: [{ type: 'Failed', status: 'True', reason: 'PodFailurePolicy', message: 'disrupted' }],
        },
      });
      expect(nextAction(aTrialSeen({ trial, job: { kind: 'own', job } }))).to.include({
        kind: 'endAttempt',
        reason: 'Evicted',
      });
    });

    it('calls an attempt lost whose Job somebody deleted', () => {
      expect(nextAction(aTrialSeen({ recorded: { number: 1, jobName: 'hello-1' } }))).to.include({
        kind: 'endAttempt',
        reason: 'PodLost',
      });
    });

    describe('that was never created', () => {
      const trial = aTrial();
      const refused = (refusal: string, now = after(5)) =>
        nextAction(aTrialSeen({ trial, job: { kind: 'own', job: aJob(trial) }, refusal, now }));
      const forbidden = 'Error creating: pods "hello-1-abcde" is forbidden:';

      const final = [
        `${forbidden} maximum cpu usage per Container is 500m, but limit is 1`,
        `${forbidden} failed quota: q: must specify limits.cpu for: courier,task`,
        `${forbidden} ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`,
        'Error creating: admission webhook "p.example.com" denied the request: no',
      ];
      for (const words of final)
        it(`ends at once with the words of admission: ${words}`, () => {
          const message = words.replace(/^Error creating: (pods "hello-1-abcde" is forbidden: )?/, '');
          expect(refused(words)).to.deep.equal({ kind: 'fail', reason: 'JobRejected', message });
        });

      it('names the level of the namespace and of the Pod before the words of admission', () => {
        const words = 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false';
        const asRoot = { name: 'task', image: 'a', securityContext: { runAsUser: 0 } };
        const asked = aJob(trial);
        asked.spec = { ...asked.spec, template: { spec: { containers: [asRoot] } } };
        const refusal = `${forbidden} ${words}`;
        const job = { kind: 'own', job: asked } as const;
        expect(nextAction(aTrialSeen({ trial, job, refusal, now: after(5) }))).to.deep.equal({
          kind: 'fail',
          reason: 'JobRejected',
          message: `the namespace enforces Pod Security restricted, and the Pod meets baseline: container task starts as root. Run it in a namespace that enforces baseline, or give environment, agent and verifier one user by its number and set environment.allowPrivilegeEscalation to false: ${words}`,
        });
      });

      const passing = [
        'Error creating: pods "x" is forbidden: unable to create new content because it is being terminated',
        'Error creating: pods "x" is forbidden: error looking up service account a/default: not found',
        'Error creating: Internal error occurred: failed calling webhook "p": connection refused',
        'Error creating: Post "https://10.0.0.1/api": EOF',
      ];
      for (const words of passing)
        it(`waits for what may pass: ${words}`, () =>
          expect(refused(words)).to.include({ kind: 'wait', reason: 'Pending' }));

      it('names the quota that it waits for, in the same words each time', () => {
        const quota = (name: string, used: number) =>
          `Error creating: pods "${name}" is forbidden: exceeded quota: few, requested: pods=1, used: pods=${used}, limited: pods=3`;
        const message = 'exceeded quota: few, requested: pods=1, limited: pods=3';
        for (const words of [quota('hello-1-abcde', 3), quota('hello-1-fghij', 4)])
          expect(refused(words)).to.include({ kind: 'wait', reason: 'Pending', message });
        expect(refused(quota('x', 3), after(1801))).to.include(failed('StartTimeout'));
      });

      const againMs = (age: number, status: NonNullable<Job['status']>) => {
        const job = { kind: 'own', job: aJob(trial, { status }) } as const;
        const action = nextAction(aTrialSeen({ trial, job, now: after(age) }));
        return action.kind === 'wait' && action.againMs;
      };

      it('looks again after three seconds, then less often each time; before the Job controller has looked, or made one, at the end', () => {
        const looked = { startTime: stampOf(T0) };
        expect([1, 5, 60].map((age) => againMs(age, looked))).to.deep.equal([3100, 5100, 60_100]);
        for (const status of [{}, { ...looked, active: 1 }]) expect(againMs(60, status)).to.equal(1_740_100);
      });
    });

    it('waits for the Pod of a new Job', () => {
      const trial = aTrial();
      const job = { kind: 'own', job: aJob(trial) } as const;
      expect(nextAction(aTrialSeen({ trial, job }))).to.include({ kind: 'wait', reason: 'Pending' });
    });
  });
});

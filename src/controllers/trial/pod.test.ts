import { expect } from 'chai';
import { aJob, aPod, aTrial, containerStatus } from '../../../test/support/builders/objects.ts';
import type { Pod } from '../../kube/kinds.ts';
import { failureOf } from '../../pods/reading/failure.ts';
import { waitingOf, type Failure, type Obstacle } from './pod.ts';

const podWith = (status: Pod['status'] = {}): Pod => aPod(aJob(aTrial()), { status });
const task = (state: Parameters<typeof containerStatus>[1]) => [containerStatus('task', state)];
const killed = task({ terminated: { exitCode: 137, reason: 'Error' } });

describe('what a Trial fails with where its Pod left no result', () => {
  const cases: [what: string, status: Pod['status'], failure: Failure][] = [
    [
      'its container, although the kubelet ended the Pod as a whole',
      { phase: 'Failed', reason: 'NodeShutdown', message: 'shut down', containerStatuses: killed },
      {
        reason: 'TaskContainerExited',
        message: 'the task container ended with exit code 137 (Error)',
      },
    ],
    [
      'the kubelet’s words where no container ended',
      { phase: 'Failed', reason: 'NodeShutdown', message: 'shut down' },
      { reason: 'PodLost', message: 'shut down' },
    ],
    [
      'the loss of a Pod that ended without a word',
      { phase: 'Failed' },
      { reason: 'PodLost', message: 'the Pod ended and left no result' },
    ],
    [
      'the words of the disruption',
      {
        phase: 'Failed',
        conditions: [
          { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler', message: 'preempted' },
        ],
      },
      { reason: 'Evicted', message: 'PreemptionByScheduler: preempted' },
    ],
  ];
  for (const [what, status, failure] of cases)
    it(`is ${what}`, () => expect(failureOf(podWith(status))).to.deep.equal(failure));
});

describe('what keeps a Trial from starting', () => {
  const waiting = (reason: string): Pod =>
    podWith({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'True' }],
      containerStatuses: task({ waiting: { reason } }),
    });
  const preparing: Obstacle = { reason: 'PullingImage', message: 'the kubelet is preparing the containers' };

  it('is in the kubelet’s words where it can end the Trial', () => {
    expect(waitingOf(waiting('ErrImagePull'))).to.deep.equal({
      reason: 'PullingImage',
      message: 'ErrImagePull: ErrImagePull',
      becomes: { reason: 'ImagePullFailed' },
    });
  });

  it('is that the kubelet prepares its containers, whatever else it says of them', () => {
    expect(waitingOf(waiting('CreateContainerError'))).to.deep.equal(preparing);
  });

  it('is who the users of the namespace and the Trial’s are, where admission wants one of them', () => {
    const words =
      'provider restricted-v2: .containers[0].runAsUser: Invalid value: 0: must be in the ranges: [5, 9]';
    const rendered = aJob(aTrial()).spec?.template.spec;
    expect(
      waitingOf(undefined, {
        words: `Error creating: pods "hello-1-abcde" is forbidden: ${words}`,
        rendered,
      }),
    ).to.deep.equal({
      reason: 'Pending',
      message: `the users of the namespace are 5 to 9, and the task container starts as root. Set environment.allowPrivilegeEscalation to false, name no user that is none of them, and install no agent: then the Pod runs as one of them: ${words}`,
      becomes: { reason: 'JobRejected' },
    });
  });
});

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
import type { Pod } from '../../kube/kinds.ts';
import { courierEndedAt, hasLastWord, isSettled, outcomeOf } from './courier.ts';

const podWith = (status: Pod['status'], more: object = {}): Pod =>
  aPod(aJob(aTrial()), { ...(status && { status }), ...more });

/** A courier beside a task that runs. */
const beside = (courier: ReturnType<typeof containerStatus>): Pod =>
  podWith({
    phase: 'Running',
    initContainerStatuses: [courier],
    containerStatuses: [containerStatus('task', { running: { startedAt: stampOf(after(1)) } })],
  });
const courier = (terminated: object) =>
  containerStatus('courier', { terminated: { exitCode: 0, ...terminated } });

describe('what a courier has left', () => {
  it('is the outcome of the attempt that is asked for', () => {
    const pod = podWith(endedPod(JSON.stringify(anOutcome()), stampOf(after(8))));
    expect(outcomeOf(pod, 1)).to.deep.equal(anOutcome());
    expect(outcomeOf(pod, 2)).to.equal(undefined);
    expect(courierEndedAt(pod)).to.equal(stampOf(after(8)));
  });

  it('is nothing while it runs, and where it was killed while it wrote', () => {
    const runs = containerStatus('courier', { running: { startedAt: stampOf(after(1)) } });
    expect(outcomeOf(beside(runs), 1)).to.equal(undefined);
    expect(courierEndedAt(beside(runs))).to.equal(undefined);
    expect(outcomeOf(beside(courier({ message: '{"version":1,"att' })), 1)).to.equal(undefined);
  });

  it('is all that there will be once the Pod is over, stuck, or a minute has passed', () => {
    const ended = beside(courier({ finishedAt: stampOf(after(10)) }));
    expect(isSettled(ended, after(69))).to.equal(false);
    expect(isSettled(ended, after(70))).to.equal(true);
    expect(isSettled(podWith({ phase: 'Failed' }), after(0))).to.equal(true);
    const leaving = podWith({ phase: 'Running' }, { deletionTimestamp: stampOf(after(10)) });
    expect(isSettled(leaving, after(10))).to.equal(false);
    expect(isSettled(leaving, after(26))).to.equal(true);
  });

  const words: [what: string, courier: ReturnType<typeof containerStatus>, isLast: boolean][] = [
    ['runs', containerStatus('courier', { running: {} }), false],
    ['ended with 0', courier({}), true],
    ['failed and left a message', courier({ exitCode: 1, message: '{}' }), true],
    ['crashed', courier({ exitCode: 137 }), false],
    [
      'ended with 0 and was started again',
      { ...containerStatus('courier', { running: {} }), lastState: { terminated: { exitCode: 0 } } },
      true,
    ],
  ];
  for (const [what, status, isLast] of words)
    it(`is ${isLast ? '' : 'not '}its last word where it ${what}`, () =>
      expect(hasLastWord(beside(status), 'courier')).to.equal(isLast));
});

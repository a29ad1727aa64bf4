import { expect } from 'chai';
import { aSandbox } from '../../../../test/support/sandbox/objects.ts';
import {
  SANDBOX_LOST,
  SANDBOX_READY,
  SANDBOX_STOPPED,
  SANDBOX_WAITING,
} from '../../../crds/sandbox-reasons.ts';
import { explainSandbox } from './explain.ts';
import { notReady } from './ready.ts';

const ALL = { ...SANDBOX_READY, ...SANDBOX_WAITING, ...SANDBOX_STOPPED, ...SANDBOX_LOST };

/** One whose Pod was taken from a pool. */
const inPod = (reason: string) => {
  const { status, ...rest } = aSandbox(reason);
  return { ...rest, status: { ...status, podName: 'pool-s7-x2' } };
};

describe('Why a Sandbox is as it is', () => {
  for (const [reason, means] of Object.entries(ALL))
    it(`is told with what it means and what to do: ${reason}`, () => {
      const told = explainSandbox(aSandbox(reason));
      expect(told).to.include({ sandbox: 'box', ready: reason === 'Ready', reason });
      expect(told.where).to.equal(`${reason === 'Ready' ? 'ready' : 'not ready'}: ${means} (${reason})`);
      expect(told.why[0]).to.equal(`because of ${reason}`);
      expect(told.next).not.to.deep.equal([]);
      expect(notReady('box', { reason, message: '' }).fix).to.equal(told.next.join('\n'));
    });

  it('names the namespace in what is to be typed, where that is another', () => {
    expect(explainSandbox(aSandbox('Suspended'), 'agents').next).to.deep.equal([
      'sb sandbox resume -n agents box',
    ]);
    expect(explainSandbox(inPod('Unschedulable'), 'agents').next).to.include(
      'kubectl -n agents describe pod pool-s7-x2',
    );
  });

  it('names its Pod, which labels do not find where it came from a pool, and itself where it has none', () => {
    expect(explainSandbox(inPod('Ready')).next[1]).to.match(/^kubectl logs pool-s7-x2 -c courier /);
    expect(explainSandbox(inPod('CrashLoopBackOff')).next[0]).to.equal(
      'kubectl logs pool-s7-x2 -c courier --previous',
    );
    expect(explainSandbox(aSandbox('Unschedulable')).next).to.include('kubectl describe sandbox box');
    for (const reason of Object.keys(ALL).filter((one) => one !== 'FillingPool'))
      expect(explainSandbox(inPod(reason)).next.join('\n')).not.to.match(/(pods?|logs) -l /);
  });

  it('says what becomes of one that has lost its Pod', () => {
    const spec = { ...aSandbox().spec, recreatePolicy: 'OnLoss' as const };
    expect(explainSandbox(aSandbox('NodeLost', { spec })).why[1]).to.include('another Pod is made');
    expect(explainSandbox(aSandbox('NodeLost')).why[1]).to.include('no other Pod');
  });

  it('is admitted where the reason is of a later version', () => {
    const told = explainSandbox(aSandbox('Melted'));
    expect(told.where).to.equal('not ready: this sb does not know its reason (Melted)');
    expect(told.next).to.deep.equal(['kubectl describe sandbox box']);
  });

  it('is Pending before the operator has looked', () => {
    expect(explainSandbox(aSandbox('Ready', { status: {} }))).to.include({ ready: false, reason: 'Pending' });
  });
});

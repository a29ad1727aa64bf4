import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { until } from '../../../test/support/kube.ts';
import { taskOf, useTrialRuns } from '../../../test/support/trial-scripts.ts';

describe('a Trial that is interrupted', function () {
  const make = useTrialRuns();

  it('ends as Cancelled with what there is when the kubelet stops the Pod', async () => {
    const run = await make({ files: taskOf(['echo working; sleep 100'], []) });
    const courier = run.startCourier();
    run.pod.start();
    await until('the agent', () => run.said().includes('agentExecution began'));
    await sleep(300);
    run.pod.kill('SIGTERM');
    expect(await run.pod.exited).to.equal(143);
    courier.kill('SIGTERM');
    expect(await run.courierEnd).to.equal(0);
    expect(run.outcome().result).to.deep.include({ kind: 'failed', reason: 'Cancelled' });
    expect(run.text('agent/oracle.txt')).to.equal('working\n');
    expect(run.storedOutcome().outcome.result).to.deep.include({ reason: 'Cancelled' });
  });

  it('ends as Cancelled when the courier alone is told to stop', async () => {
    const run = await make({ files: taskOf(['echo working; sleep 100'], []) });
    const courier = run.startCourier();
    run.pod.start();
    await until('the agent', () => run.said().includes('agentExecution began'));
    await sleep(300);
    courier.kill('SIGTERM');
    expect(await run.courierEnd).to.equal(0);
    expect(await run.pod.exited).to.equal(0);
    expect(run.outcome().result).to.deep.include({ reason: 'Cancelled' });
    expect(run.text('agent/oracle.txt')).to.equal('working\n');
  });

  it('ends as TaskContainerExited when the task container dies', async () => {
    const run = await make({ files: taskOf(['sleep 100'], []) });
    run.startCourier();
    run.pod.start();
    await until('the agent', () => run.said().includes('agentExecution began'));
    run.pod.kill('SIGKILL');
    expect(await run.courierEnd).to.equal(0);
    expect(run.outcome().result).to.deep.include({
      reason: 'TaskContainerExited',
      message: 'the task container has ended during agentExecution',
    });
  });

  it('ends the attempt as CourierFailed when the courier is started again', async () => {
    const run = await make({ files: taskOf(['sleep 100'], []) });
    const first = run.startCourier();
    run.pod.start();
    await until('the agent', () => run.said().includes('agentExecution began'));
    await sleep(200);
    first.kill('SIGKILL');
    await run.courierEnd;
    const second = run.startCourier();
    expect(await run.pod.exited).to.equal(0);
    if (second.exitCode === null) await new Promise((resolve) => second.once('close', resolve));
    expect(run.outcome().result).to.deep.include({ reason: 'CourierFailed' });
  });
});

import { expect } from 'chai';
import { Trial as TrialKind } from '../../../crds/kinds.ts';
import { ApiServer } from '../../../../test/support/api-server.ts';
import { after } from '../../../../test/support/builders.ts';
import { connectTo } from '../../../../test/support/kube.ts';
import { lineOf, type TrialLine } from './line.ts';
import { ageMs, lineOfRow, trialRows } from './rows.ts';
import { active, broken, inRun, rewarded } from '../../../../test/support/run-trials.ts';

const told = ({ name, task, agent, model, state, reason, reward, attempts, node }: TrialLine) => ({
  name,
  task,
  agent,
  model,
  state,
  reason,
  reward,
  attempts,
  node,
});

describe('A row of the table of Trials', () => {
  it('tells the state, the reward and the place as the Trial itself does', async () => {
    const server = await ApiServer.start();
    const kube = connectTo(server);
    const all = [
      rewarded(1, { name: 'a', agent: { model: 'org/m' } }),
      rewarded(0, { name: 'b', status: { attempts: [{ number: 1, jobName: 'j', nodeName: 'n' }] } }),
      broken('NodeLost', { name: 'c' }),
      broken('Cancelled', { name: 'd' }),
      active('Unschedulable', { name: 'e' }),
      inRun({ name: 'f' }),
    ];
    for (const trial of all)
      server.collection(TrialKind).objects.set(`default/${trial.metadata.name}`, trial);
    const rows = await trialRows({ transport: kube.transport, namespace: 'default' });
    await kube.close();
    await server.close();
    const now = after(60);
    expect(rows.map((row) => told(lineOfRow(row, { namespace: 'default', now })))).to.deep.equal(
      all.map((trial) => told(lineOf(trial))),
    );
  });

  it('is as old as Kubernetes says', () => {
    const ages = ['45s', '3m20s', '5h', '2d5h', '1y10d', '<unknown>'].map((text) => ageMs(text) / 1000);
    expect(ages).to.deep.equal([45, 200, 18_000, 190_800, 32_400_000, 0]);
  });
});

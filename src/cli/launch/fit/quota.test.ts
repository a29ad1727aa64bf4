import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../../../test/support/task-folder.ts';
import { Trial as TrialKind } from '../../../crds/kinds.ts';
import type { Trial } from '../../../crds/trial.ts';
import { ResourceQuota } from '../../../client/diagnosis/doctor/kinds.ts';
import { planRun } from '../../../client/runs/plan/plan.ts';
import type { RunPlan } from '../../../client/runs/plan/types.ts';
import { failureOf, world, type World } from '../../runs/testing/world.ts';
import { selectTasks } from '../../../client/runs/select/select.ts';
import { checkQuotas, quotaLines } from './quota.ts';

const TRIALS = 'count/trials.sb.abundant.ai';

describe('The quotas of a namespace', () => {
  const { signal } = new AbortController();
  let w: World;
  let folder: string;
  /** Two Trials of 500m. */
  let plan: RunPlan;
  before(async () => {
    folder = await taskFolder({ ...MINIMAL, 'solution/solve.sh': '' });
    const selection = await selectTasks({ path: folder });
    plan = planRun({ selection, run: 'r', bucket: 'b', options: { attempts: 2 }, environment: {} });
  });
  after(() => removeTaskFolder(folder));
  beforeEach(async () => void (w = await world()));
  afterEach(() => w.close());

  const have = (hard: Record<string, string>, used: Record<string, string>): void =>
    w.haveOf(ResourceQuota, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'q', namespace: 'default' },
      status: { hard, used },
    });
  const check = () => checkQuotas(w.session, plan, signal);

  it('are said to fit, to be none, or not to be readable', async () => {
    expect(await quotaLines(w.session, plan, signal)).to.deep.equal(['quotas: none']);
    have({ pods: '10', 'requests.cpu': '100', secrets: '5' }, { pods: '8', 'requests.cpu': '1500m' });
    expect(await quotaLines(w.session, plan, signal)).to.deep.equal(['quotas: the run fits']);
    const on = ({ path }: { path: string }): boolean => path.endsWith('/resourcequotas');
    w.server.faults.add({ on, fault: { kind: 'status', status: 403 }, times: Infinity });
    expect(await quotaLines(w.session, plan, signal)).to.deep.equal(['quotas: you may not read them']);
    expect(await check()).to.deep.equal([]);
  });

  it('make Trials wait that go beyond one on Pods or on what they request', async () => {
    have({ pods: '10', 'requests.cpu': '2' }, { pods: '9', 'requests.cpu': '1500m' });
    expect(await check()).to.deep.equal([
      'quota q: pods: 9 of 10 used, all Trials together want 2; the others wait',
      'quota q: requests.cpu: 1500m of 2 used, all Trials together want 1; the others wait',
    ]);
  });

  it('refuse a run beforehand that goes beyond one on Trials', async () => {
    have({ [TRIALS]: '10' }, { [TRIALS]: '9' });
    const { code, why } = await failureOf(check());
    expect([code, why]).to.deep.equal(['SB-E017', `${TRIALS}: 9 of 10 used, all Trials together want 2`]);
  });

  it('do not refuse a run again for the Trials that it has already', async () => {
    const [there] = plan.tasks.flatMap(({ trials }) => trials);
    const placed = { ...there, metadata: { ...there?.metadata, namespace: 'default' } };
    await w.session.kube.apply(TrialKind, placed as unknown as Trial);
    have({ [TRIALS]: '2' }, { [TRIALS]: '1' });
    expect(await check()).to.deep.equal([]);
  });
});

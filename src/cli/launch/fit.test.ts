import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../../test/support/folder.ts';
import type { CliError } from '../../client/failures/error.ts';
import { Node } from '../../kube/kinds.ts';
import type { RunOptions } from '../../client/documents/run-options.ts';
import { planRun } from '../../client/runs/plan/plan.ts';
import { failureOf, world, type World } from '../../../test/support/client/world.ts';
import { selectTasks, type Selection } from '../../client/runs/select/select.ts';
import { checkNodes, nodeLines, checkQuotas, quotaLines } from './fit.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import type { Trial } from '../../crds/trial.ts';
import { ResourceQuota } from '../../client/diagnosis/doctor/room.ts';
import type { RunPlan } from '../../client/runs/plan/types.ts';

describe('--no-new-nodes', () => {
  let w: World;
  let folder: string;
  let selection: Selection;
  before(async () => {
    folder = await taskFolder({ ...MINIMAL, 'solution/solve.sh': '' });
    selection = await selectTasks({ path: folder });
  });
  after(() => removeTaskFolder(folder));
  beforeEach(async () => void (w = await world()));
  afterEach(() => w.close());

  const haveNode = (spec: Node['spec'] = {}): void =>
    w.haveOf(Node, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n', labels: { disk: 'fast' } },
      spec,
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        allocatable: {
          cpu: '2',
          memory: '4Gi',
          'ephemeral-storage': '30Gi',
          pods: '110',
        },
      },
    });
  const check = (options: RunOptions = {}): Promise<void> =>
    checkNodes(w.session, planRun({ selection, run: 'r', bucket: 'b', options, environment: {} }));
  const refusal = (options: RunOptions = {}): Promise<CliError> => failureOf(check(options));
  const taint = { key: 'team', value: 'a', effect: 'NoSchedule' };

  it('takes what a node can hold, whatever runs there', async () => {
    haveNode();
    await check({ cpus: '1.95', memory: '3Gi', storage: '20Gi' });
  });

  it('refuses what is too large once the courier is counted, with what there is', async () => {
    haveNode();
    const { code, why } = await refusal({ cpus: '2' });
    expect(code).to.equal('SB-E018');
    expect(why).to.equal(
      'task wants 2.05 CPUs, 0.6Gi of memory, 8.3Gi of disk, its courier included\n' +
        'node n has 2 CPUs, 4Gi of memory, 30Gi of disk',
    );
  });

  it('says how much may be asked for', async () => {
    haveNode();
    expect((await refusal({ cpus: '2', memory: '8Gi' })).fix).to.match(
      /ask for less: --cpus 1\.95 --memory 4008Mi$/,
    );
  });

  it('is only a hint where nodes may come: what fits nowhere, and what to do', async () => {
    const lines = (options: RunOptions) =>
      nodeLines(w.session, planRun({ selection, run: 'r', bucket: 'b', options, environment: {} }));
    expect(await lines({ cpus: '2' })).to.deep.equal([]);
    haveNode();
    expect(await lines({ cpus: '1.95' })).to.deep.equal([]);
    expect(await lines({ cpus: '2' })).to.deep.equal([
      'a task fits on no node that is there; the Trials wait for a larger one:',
      '  task wants 2.05 CPUs, 0.6Gi of memory, 8.3Gi of disk, its courier included',
      '  node n has 2 CPUs, 4Gi of memory, 30Gi of disk',
      '  to run on these nodes: ask for less: --cpus 1.95',
    ]);
  });

  it('looks at labels, taints and what is tolerated', async () => {
    haveNode({ taints: [taint] });
    expect((await refusal()).why).to.include('of disk, and has the taint team=a:NoSchedule');
    await check({ scheduling: { tolerations: [{ key: 'team', operator: 'Equal', value: 'a' }] } });
    await check({ scheduling: { tolerations: [{ operator: 'Exists' }], nodeSelector: { disk: 'fast' } } });
    const other = { tolerations: [{ key: 'team', operator: 'Equal' as const, value: 'b' }] };
    expect((await refusal({ scheduling: other })).code).to.equal('SB-E018');
    haveNode();
    expect((await refusal({ scheduling: { nodeSelector: { disk: 'slow' } } })).code).to.equal('SB-E018');
  });
});

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

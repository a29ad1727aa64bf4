import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../../../test/support/task-folder.ts';
import type { CliError } from '../../../client/failures/error.ts';
import { Node } from '../../../kube/kinds.ts';
import type { RunOptions } from '../../../client/documents/run-options.ts';
import { planRun } from '../../../client/runs/plan/plan.ts';
import { failureOf, world, type World } from '../../runs/testing/world.ts';
import { selectTasks, type Selection } from '../../../client/runs/select/select.ts';
import { checkNodes, nodeLines } from './nodes.ts';

describe('--no-provision', () => {
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
      /ask for less: --cpus 1\.95 --memory 4016Mi$/,
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

import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { OPERATOR } from '../../src/installation/names.ts';
import { kubectl, kubectlOk } from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { broughtBy } from '../support/temporary.ts';
import { docker, enginePid, isHealthy, paths, status, table, up } from './cluster/index.ts';
import { operatorIsWell, WORKER } from './support/faults.ts';
import { hold } from './support/story.ts';
import { ownTrial } from './support/stories.ts';
import { world } from './support/world.ts';

/** At last: the kubelet of a node that comes back tells of its Pods as they were before. */
async function allIsWell(): Promise<void> {
  let parts = await status();
  for (let tries = 0; tries < 30 && !isHealthy(parts); tries++) {
    await sleep(2000);
    parts = await status();
  }
  expect(isHealthy(parts), `\n${table(parts)}\n`).to.equal(true);
  await operatorIsWell();
}

describe('npm run cluster:up', () => {
  it('repairs a crash of the engine, and a Trial that runs meanwhile loses nothing', async function () {
    const engine = enginePid();
    // The engine is the machine's own, and not ours to kill.
    if (engine === undefined) this.skip();
    const story = ownTrial('engine-crash', { agent: hold('work') });
    await story.reaches('work');
    process.kill(engine, 'SIGKILL');
    await up();
    await allIsWell();
    await story.release('work');
    await story.earnsAtOnce(1);
  });

  it('brings back services, a node, the operator and the kubeconfig', async () => {
    await docker(['kill', 'sb-registry', 'sb-s3', 'sb-buildkit', WORKER ?? '']);
    await kubectlOk(['delete', '-n', OPERATOR.namespace, `statefulset/${OPERATOR.name}`]);
    rmSync(paths.checkout, { recursive: true });
    await up();
    await allIsWell();
    await ownTrial('repaired').earnsAtOnce(1);
  });

  it('removes nodes without machines and namespaces that an interrupted run left, and nothing that a run still needs', async () => {
    const labels = broughtBy(spawnSync('true').pid);
    const left = ['Node', 'Namespace'].map((kind) => ({
      apiVersion: 'v1',
      kind,
      metadata: { name: 'left-behind', labels },
    }));
    await kubectlOk(['create', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: left });
    await up();
    const isGone = async (kind: string): Promise<boolean> =>
      (await kubectl(['get', kind, 'left-behind'])).stderr.includes('NotFound');
    expect(await isGone('node')).to.equal(true);
    await eventuallyTrue('the namespace is gone', () => isGone('namespace'));
    const phase = ['get', 'namespace', world().namespace, '-o', 'jsonpath={.status.phase}'];
    expect(await kubectlOk(phase)).to.equal('Active');
  });
});

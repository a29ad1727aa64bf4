import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventuallyTrue } from '../support/eventually.ts';
import {
  areEstablished,
  dropNamespace,
  kubectl,
  kubectlOk,
  makeNamespace,
  needCluster,
} from '../support/cluster.ts';
import {
  contradictory,
  invalidTaskBuilds,
  merged,
  outOfBounds,
  taskBuildChanges,
  trialChanges,
  unsupported,
  validTaskBuild,
  validTrial,
  type Refusal,
} from './invalid-manifests.ts';

type Json = { [key: string]: unknown };

let namespace = '';

const object = (kind: string, name: string, spec: Json): Json => ({
  apiVersion: 'sb.abundant.ai/v1alpha1',
  kind,
  metadata: { name, namespace },
  spec,
});

// Suspended and cancelled, so that an operator in the cluster has nothing to run while its spec is looked at.
const trial = (name: string, change: Json = {}): Json =>
  object('Trial', name, merged(validTrial, { suspend: true, ...change }));
const taskBuild = (name: string, change: Json = {}): Json =>
  object('TaskBuild', name, merged(validTaskBuild, { cancelled: true, ...change }));

const dryRun = ['create', '--dry-run=server', '-f', '-'];
const apply = ['apply', '--server-side', '--field-manager=gitops', '-f', '-', '-o', 'json'];

interface Applied {
  metadata: { generation: number; resourceVersion: string };
  spec: Json;
}

const applied = async (manifest: Json): Promise<Applied> =>
  JSON.parse(await kubectlOk(apply, manifest)) as Applied;

/** Waits until an operator in the cluster, if there is one, has written what it had to write. */
async function settled(kind: string, name: string): Promise<string> {
  const version = (): Promise<string> =>
    kubectlOk(['get', kind, name, '-n', namespace, '-o', 'jsonpath={.metadata.resourceVersion}']);
  let before = '';
  for (let now = await version(); now !== before; now = await version()) {
    before = now;
    await sleep(1000);
  }
  return before;
}

function refuses(
  list: Refusal[],
  attempt: (change: Json) => Promise<{ code: number; stderr: string }>,
): void {
  for (const [title, change, named] of list)
    it(`refuses ${title}, naming it`, async () => {
      const { code, stderr } = await attempt(change);
      expect(code, stderr).not.to.equal(0);
      expect(stderr).to.contain(named);
    });
}

const patch = (kind: string, name: string, spec: Json): ReturnType<typeof kubectl> =>
  kubectl([
    'patch',
    kind,
    name,
    '-n',
    namespace,
    '--type=merge',
    '--dry-run=server',
    '-p',
    JSON.stringify({ spec }),
  ]);

describe('The API on a real API server', function () {
  this.timeout(60_000);

  before(async function () {
    await needCluster(this);
    await kubectlOk(['apply', '-k', 'config/crd']);
    await areEstablished(['-f', 'config/crd/trials.yaml', '-f', 'config/crd/taskbuilds.yaml']);
    namespace = await makeNamespace('api');
  });

  after(async () => {
    if (namespace) await dropNamespace(namespace);
  });

  it('takes every sample', async () => {
    const printed = await kubectlOk(['apply', '--dry-run=server', '-n', namespace, '-f', 'config/samples']);
    expect(printed.match(/^trial\.sb.*created/gm)).to.have.lengthOf(3);
    expect(printed).to.contain('taskbuild.sb.abundant.ai/hello-image created');
  });

  describe('a Trial', () =>
    refuses([...unsupported, ...contradictory, ...outOfBounds], (change) =>
      kubectl(dryRun, trial('invalid', change)),
    ));

  describe('a TaskBuild', () =>
    refuses(invalidTaskBuilds, (change) => kubectl(dryRun, taskBuild('invalid', change))));

  describe('a Trial that exists', () => {
    before(async () => {
      await kubectlOk(['create', '-f', '-'], trial('existing', { run: 'first' }));
    });

    refuses(trialChanges, (change) => patch('trial', 'existing', change));
    refuses([['the removal of run', { run: null }, 'run is immutable']], (change) =>
      patch('trial', 'existing', change),
    );

    it('takes changes of suspend, ttlSecondsAfterFinished and rerun', async () => {
      const change = { suspend: false, ttlSecondsAfterFinished: 60, rerun: 'Always' };
      expect(await patch('trial', 'existing', change)).to.include({ code: 0 });
    });

    it('takes a cancel, and what a GitOps tool writes over it', async () => {
      await kubectlOk(['create', '-f', '-'], trial('cancelled', { cancel: true }));
      for (const cancel of [false, true, null])
        expect(await patch('trial', 'cancelled', { cancel })).to.include({ code: 0 });
    });
  });

  describe('a TaskBuild that exists', () => {
    before(async () => {
      await kubectlOk(['create', '-f', '-'], taskBuild('existing'));
    });

    refuses(taskBuildChanges, (change) => patch('taskbuild', 'existing', change));
  });

  it('fills in the defaults of an almost empty Trial', async () => {
    const { spec } = JSON.parse(
      await kubectlOk([...dryRun, '-o', 'json'], object('Trial', 'small', validTrial)),
    ) as Applied;
    expect(spec).to.deep.equal({
      task: { name: 'hello', dataset: 'local', configMap: { name: 'hello-task' } },
      environment: {
        image: 'debian:bookworm-slim',
        network: { enforcement: 'BestEffort' },
        allowPrivilegeEscalation: true,
      },
      agent: { name: 'oracle', setupTimeoutSeconds: 360 },
      verifier: { disabled: false },
      maxAttempts: 3,
      backoffSeconds: 10,
      startTimeoutSeconds: 1800,
      suspend: false,
      cancel: false,
      rerun: 'IfNotRan',
      uploadResults: true,
    });
  });

  it('takes a Trial without an environment: the task says it', async () => {
    const least = trial('least', { environment: null });
    const { spec } = JSON.parse(await kubectlOk([...dryRun, '-o', 'json'], least)) as Applied;
    expect(spec['environment']).to.deep.equal({
      network: { enforcement: 'BestEffort' },
      allowPrivilegeEscalation: true,
    });
  });

  it('fills in nested defaults beside the fields that were written', async () => {
    const small = trial('small', {
      agent: { timeoutSeconds: 5 },
      environment: { resources: { requests: { cpu: '1' } } },
    });
    const { spec } = JSON.parse(await kubectlOk([...dryRun, '-o', 'json'], small)) as Applied;
    expect(spec['agent']).to.deep.equal({ name: 'oracle', setupTimeoutSeconds: 360, timeoutSeconds: 5 });
    // What is left out of them is the task's to say.
    expect(spec)
      .to.have.nested.property('environment.resources')
      .that.deep.equals({ requests: { cpu: '1' } });
    expect(spec).to.have.nested.property('environment.network.enforcement', 'BestEffort');
  });

  it('takes amounts that are numbers, as a Pod does, and does not change them', async () => {
    const requests = { cpu: 1, memory: 1_073_741_824, 'ephemeral-storage': 1e8 };
    const wanted = trial('numbers', { environment: { resources: { requests } } });
    const { metadata, spec } = await applied(wanted);
    expect(spec).to.have.nested.property('environment.resources.requests').that.deep.equals(requests);
    expect((await applied(wanted)).metadata.generation).to.equal(metadata.generation);
  });

  for (const [kind, manifest] of [
    ['trial', trial],
    ['taskbuild', taskBuild],
  ] as const)
    it(`does not change a ${kind} when its manifest is applied again`, async () => {
      const wanted = (): Json => manifest('twice');
      const { generation } = (await applied(wanted())).metadata;
      // An operator that was away, as beside these stories, may write its first status in between.
      await eventuallyTrue('a manifest that is applied again writes nothing', async () => {
        const before = await settled(kind, 'twice');
        const again = await applied(wanted());
        expect(again.metadata).to.include({ generation });
        return again.metadata.resourceVersion === before;
      });
    });

  it('keeps status out of the spec’s hands', async () => {
    const written = { ...trial('honest'), status: { reward: 1 } };
    const { status } = JSON.parse(await kubectlOk([...dryRun, '-o', 'json'], written)) as { status: Json };
    expect(status).to.deep.equal({ observedGeneration: -1 });
  });

  it('shows reward, attempts and node in its columns, whatever is missing', async () => {
    await kubectlOk(['create', '-f', '-'], trial('columns', { cancel: true }));
    await settled('trial', 'columns');
    const attempts = [1, 2].map((number) => ({
      number,
      jobName: `columns-${number}`,
      nodeName: `node-${number}`,
    }));
    const status = { reward: 0, attempts, conditions: [] };
    const print = [
      '-n',
      namespace,
      '-o',
      'json',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    ];
    await kubectlOk(['patch', 'trial', 'columns', ...print]);
    const row = await kubectlOk(['get', 'tr', 'columns', '-n', namespace, '-o', 'wide', '--no-headers']);
    expect(row.split(/\s+/)).to.include.members(['columns', 'hello', 'oracle', '0', '2', 'node-2']);
  });

  it('finds Trials by task and run', async () => {
    await kubectlOk(['create', '-f', '-'], trial('selected', { run: 'wanted' }));
    const found = await kubectlOk([
      'get',
      'trials',
      '-n',
      namespace,
      '-o',
      'name',
      '--field-selector',
      'spec.run=wanted,spec.task.name=hello',
    ]);
    expect(found.trim()).to.equal('trial.sb.abundant.ai/selected');
  });

  it('lists all our kinds under the category sb', async () => {
    const listed = await kubectlOk(['api-resources', '--categories=sb', '-o', 'name']);
    expect(listed.trim().split('\n').sort()).to.deep.equal([
      'sandboxes.sb.abundant.ai',
      'taskbuilds.sb.abundant.ai',
      'trials.sb.abundant.ai',
    ]);
  });

  it('explains its fields', async () => {
    const explained = await kubectlOk(['explain', 'trial.spec']);
    expect(explained).to.match(/task\s+<Object> -required-\s+What is to be done\./);
    expect(explained).to.match(/agent\s+<Object>\s+Who does it\./);
  });
});

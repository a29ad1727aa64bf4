/** The life of an installation, by the commands of the pages that whoever runs a cluster reads. */
import { expect } from 'chai';
import { eventuallyTrue } from '../../support/eventually.ts';
import { dump, load } from 'js-yaml';
import { conditionOf } from '../../../src/crds/conditions.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { OPERATOR } from '../../../src/installation/names.ts';
import type { ConfigMap } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import { kubectl, kubectlOk } from '../../support/cluster.ts';
import { argoSettings } from '../../support/gitops.ts';
import { deployOperator, ensureBaseImages, ensureHelm } from '../cluster/index.ts';
import { objectsOf } from '../support/chart.ts';
import { kustomized, operatorImage } from '../support/helm.ts';
import { Reader } from '../support/reader.ts';

const PAGES = ['install.md', 'operate.md', 'gitops.md'];
const NONCE = Date.now().toString(36);
const ZEROS = `sha256:${'0'.repeat(64)}`;

const json = async <Found>(...args: string[]): Promise<Found> =>
  JSON.parse(await kubectlOk(['get', ...args, '-o', 'json'])) as Found;
const trialOf = (namespace: string, name: string): Promise<Trial> => json('trial', name, '-n', namespace);
const reasonOf = (trial: Trial): string | undefined => conditionOf(trial, 'Succeeded')?.reason;
const jobsIn = async (namespace: string): Promise<KubeObject[]> =>
  (await json<{ items: KubeObject[] }>('jobs', '-n', namespace)).items;

/** A chart with these objects. */
function writeChart(reader: Reader, objects: string): void {
  reader.write('nightly/Chart.yaml', dump({ apiVersion: 'v2', name: 'nightly', version: '1.0.0' }));
  reader.write('nightly/templates/trials.yaml', objects);
}

describe('docs/operate.md, install.md and gitops.md', function () {
  this.timeout(900_000);
  let reader: Reader;
  let image = '';

  before(async () => {
    const { helm } = await ensureHelm();
    image = await operatorImage();
    const digest = image.split('@')[1] ?? expect.fail(`no digest: ${image}`);
    await ensureBaseImages(['debian:bookworm-slim']);
    reader = new Reader(helm);
    prepare(digest);
    const all = await kustomized('config/overlays/local');
    await kubectlOk(['delete', '--ignore-not-found', '-f', '-'], {
      apiVersion: 'v1',
      kind: 'List',
      items: objectsOf(all),
    });
    await kubectlOk(['create', 'namespace', 'monitoring']);
  });

  /** What the pages leave to their reader. */
  function prepare(digest: string): void {
    const values = load(reader.read('charts/sb-operator/profiles/local.yaml')) as { image: object };
    reader.write('my-values.yaml', dump({ ...values, image: { ...values.image, digest } }));
    const overlay = 'config/overlays/local/kustomization.yaml';
    reader.write('config/overlays/mine/kustomization.yaml', reader.read(overlay).replace(ZEROS, digest));
    reader.copy('examples/tasks', 'tasks');
    // Otherwise the bucket knows from an earlier run what comes of it.
    const sample = reader.read('config/samples/trial.yaml');
    reader.write('config/samples/trial.yaml', sample.replace('Create a file', `${NONCE}: create a file`));
  }

  after(async () => {
    if (image !== '') await deployOperator(image);
    for (const name of ['evals', 'monitoring', 'argocd'])
      await kubectlOk(['delete', 'namespace', name, '--ignore-not-found']);
    const rest = ['priorityclass/trials-low', 'secret/sh.helm.release.v1.nightly.v1', 'configmap/hello-task'];
    await kubectlOk(['delete', '--ignore-not-found', '-n', 'default', ...rest]);
    reader?.[Symbol.dispose]();
  });

  it('bring the operator to a cluster that has none, and run the first tasks', async () => {
    const said = await reader.does('install.md', 'Helm 3 or 4');
    expect(said)
      .to.contain('mean reward 1')
      .and.to.match(/Phase: +Succeeded/);
    // A figure for people: what a busy machine needs is no promise.
    for (const { command, seconds } of reader.took('helm install', 'sb ', 'helm test'))
      process.stderr.write(`      ${seconds.toFixed(1)} s: ${command}\n`);
    expect(reader.took('helm install', 'sb cloud run')).to.have.length(2);
    expect(await reader.does('operate.md', 'Install')).to.match(
      /hello +sb\/hello +oracle +1 +RewardObtained/,
    );
    expect(await jobsIn('evals')).to.have.length(1);
  });

  it('bring another version, and the one before', async () => {
    const said = await reader.does('operate.md', 'Upgrade');
    expect(said).to.contain('successfully rolled out').and.to.contain('Rollback was a success');
  });

  it('save Trials and bring them back, and none of them runs twice', async () => {
    const first = await trialOf('evals', 'hello');
    await reader.does('operate.md', 'Back up and restore');
    const second = await trialOf('evals', 'hello');
    expect(second.metadata.uid).not.to.equal(first.metadata.uid);
    expect(reasonOf(second)).to.equal('AlreadyRan');
    expect(second.status?.adopted?.uid).to.equal(first.metadata.uid);
    expect(second.status?.reward).to.equal(1);
    expect(await jobsIn('evals')).to.deep.equal([]);
    expect((await json<{ items: object[] }>('resourcequotas', '-n', 'evals')).items).to.have.length(1);
  });

  it('show what it does', async () => {
    const said = await reader.does('operate.md', 'Observe');
    expect(said)
      .to.contain('sb_build_info')
      .and.to.match(/evals +hello/);
  });

  it('give it more room, and say who leads', async () => {
    const said = await reader.does('operate.md', 'Scale');
    // For the seconds from the leader's end to the next one's begin, nobody does.
    expect(said)
      .to.match(/^(sb-operator-\S+)? leads$/m)
      .and.to.match(/count\/trials\.sb\.abundant\.ai +1 /);
    await eventuallyTrue('somebody leads', async () => {
      const { spec } = await json<{ spec: { holderIdentity?: string } }>(
        'lease/sb-operator',
        '-n',
        OPERATOR.namespace,
      );
      return spec.holderIdentity?.startsWith('sb-operator-') === true;
    });
    const pods = await json<{ items: KubeObject[] }>('pods', '-n', OPERATOR.namespace);
    expect(pods.items.length).to.be.at.least(3);
  });

  it('show what holds, and bind a namespace to its tasks', async () => {
    const said = await reader.does('operate.md', 'Secure');
    expect(said).to.contain('sb-operator-metrics').and.to.contain('sb-trials-public');
    expect(said)
      .to.match(/evals +Active +\S+ +baseline +allowed/)
      .and.to.match(/sb-system +Active +\S+ +restricted/);
  });

  it('put Trials into Git, and have everybody’s tools wait for them', async () => {
    await reader.does('gitops.md', 'Writing the manifests');
    const trials = reader.read('trials.yaml');
    expect(trials).to.contain('kind: Trial').and.not.to.contain('ttlSecondsAfterFinished');
    writeChart(reader, trials);
    await kubectlOk(['apply', '-f', 'config/samples/trial.yaml']);
    await kubectlOk(['create', '-f', '-'], {
      apiVersion: 'sb.abundant.ai/v1alpha1',
      kind: 'Trial',
      metadata: { name: 'no-such-task', namespace: 'default' },
      spec: { task: { name: 'none', configMap: { name: 'there-is-none' } } },
    });
    const said = await reader.does('gitops.md', 'Waiting');
    expect(said).to.contain('trial.sb.abundant.ai/hello condition met');
    expect(said).to.contain('trial.sb.abundant.ai/no-such-task condition met');
    const { items } = await json<{ items: Trial[] }>('trials', '-n', 'default');
    const nightly = items.filter(({ spec }) => spec.run === 'nightly');
    expect(nightly.length).to.be.above(0);
    expect(nightly.map((trial) => conditionOf(trial, 'Complete')?.status)).to.deep.equal(
      nightly.map(() => 'True'),
    );
  });

  it('tell Argo CD the health of Trials', async () => {
    await kubectlOk(['create', 'namespace', 'argocd']);
    await kubectlOk(['create', 'configmap', 'argocd-cm', '-n', 'argocd', '--from-literal=url=kept']);
    await reader.does('gitops.md', 'With Argo CD');
    const { data = {} } = await json<ConfigMap>('configmap', 'argocd-cm', '-n', 'argocd');
    expect(data).to.deep.equal({ url: 'kept', ...argoSettings() });
  });

  it('remove it, say what is left, and leave nothing of it', async () => {
    const said = await reader.does('operate.md', 'Remove');
    expect(said).to.contain('secret/sb-broker-tls').and.to.contain('configmap/sb-broker-ca');
    expect(said)
      .to.contain('lease.coordination.k8s.io/sb-operator')
      .and.to.match(/evals +trial\.sb\.abundant\.ai\/hello/);
    expect(said).to.match(/evals +sb-trials-public/);
    const last = said.slice(said.lastIndexOf('deleted'));
    expect(last).not.to.match(/\/sb-|sb\.abundant\.ai/);
    expect((await kubectl(['get', 'trials'])).code).to.equal(1);
  });

  it('bring it back with kubectl', async () => {
    await reader.does('install.md', 'kubectl');
    await kubectlOk([
      'rollout',
      'status',
      '-n',
      OPERATOR.namespace,
      `statefulset/${OPERATOR.name}`,
      '--timeout=120s',
    ]);
  });

  it('remove with kubectl what it brought, with all Trials, and leave nothing of it', async () => {
    await kubectlOk(['apply', '-n', 'evals', '-f', 'config/samples/trial.yaml']);
    await kubectlOk('wait -n evals --for=condition=Complete trial/hello --timeout=5m'.split(' '));
    const said = await reader.does('operate.md', 'What kubectl applied');
    expect(said).to.contain('"trials.sb.abundant.ai" deleted');
    expect(said.slice(said.lastIndexOf('deleted'))).not.to.match(/\/sb-|sb\.abundant\.ai/);
    expect((await kubectl(['get', 'trials'])).code).to.equal(1);
  });

  it('have no command that was not run here', () => {
    expect(reader.unread(PAGES)).to.deep.equal([]);
  });
});

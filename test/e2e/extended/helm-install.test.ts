import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import { AGENTS_NAMESPACE } from '../../../src/crds/names.ts';
import { OPERATOR } from '../../../src/installation/names.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import { dropNamespace, kubectl, kubectlOk, root, type Said } from '../../support/cluster.ts';
import { deployOperator, ensureBaseImages, ensureHelm } from '../cluster/index.ts';
import { objectsOf } from '../support/chart.ts';
import { CHART, done, operatorImage, profile, ran, removeOperator, type Ran } from '../support/helm.ts';
import { startSb } from '../support/sb.ts';
import { world } from '../support/world.ts';

const HELLO = join(root, 'examples/tasks/hello');
const RELEASE = 'runner';
const KEYS = 'store-keys';

/** A namespace whose Pods have to be harmless, with the store's credentials in a Secret of another name. */
async function makePlace(): Promise<string> {
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      generateName: 'platform-',
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    },
  };
  const made = (await kubectlOk(['create', '-f', '-', '-o', 'name'], namespace)).trim();
  const name = made.replace('namespace/', '');
  const keys = '--from-literal=AWS_ACCESS_KEY_ID=sb --from-literal=AWS_SECRET_ACCESS_KEY=sb-local-only';
  await kubectlOk(`create secret generic ${KEYS} -n ${name} ${keys}`.split(' '));
  return name;
}

describe('helm install', function () {
  this.timeout(600_000);
  let helm = '';
  let helm3 = '';
  let image = '';
  let place = '';
  let namespace = '';
  let folder = '';

  before(async () => {
    ({ helm, helm3 } = await ensureHelm());
    image = await operatorImage();
    await ensureBaseImages(['debian:bookworm-slim']);
    namespace = await world().makeNamespace();
    folder = await mkdtemp(join(tmpdir(), 'sb-helm-'));
    place = await makePlace();
  });
  after(async () => {
    for (const where of [place, OPERATOR.namespace])
      await ran(helm, ['uninstall', RELEASE, '-n', where, '--ignore-not-found', '--wait']);
    await dropNamespace(place);
    await deployOperator(image);
    await rm(folder, { recursive: true, force: true });
  });

  const release = (...args: string[]): Promise<Ran> =>
    ran(helm, [...args, CHART, '-n', place, ...profile('local'), '--force-conflicts', '--wait', ...SET()]);
  const SET = (): string[] => [
    '--set',
    `image.digest=${image.split('@')[1]},s3.existingSecret=${KEYS},test.namespace=${namespace}`,
  ];
  const sb = (...args: string[]): Promise<Said> => startSb(args, { cwd: folder, namespace }).end;

  it('takes over what kubectl has applied, with Helm 3, and goes without it', async () => {
    const where = ['-n', OPERATOR.namespace];
    const pinned = ['--set', `image.digest=${image.split('@')[1]}`];
    const install = ['install', RELEASE, CHART, ...where, ...profile('local'), ...pinned];
    const { code, stderr } = await ran(helm3, [...install, '--take-ownership', '--wait']);
    expect(code, stderr).to.equal(0);
    const run = await sb('cloud', 'run', '-t', HELLO, '--run-name', `${place}-over`, '-o', 'json');
    expect(run.code, run.stderr).to.equal(0);
    expect((await ran(helm3, ['uninstall', RELEASE, ...where, '--wait'])).code).to.equal(0);
    await removeOperator();
  });

  it('brings the operator under any name, in any namespace, and says what comes next', async () => {
    const { code, stdout, stderr } = await release('install', RELEASE, '--take-ownership');
    expect(code, stderr).to.equal(0);
    expect(stdout).to.contain(`is in namespace ${place}, profile local`);
    expect(stdout).to.contain('sb cloud run -t examples/tasks/hello');
    expect(stdout).not.to.contain('does not start');
  });

  it('is found by sb, which runs a task and finds nothing wrong', async () => {
    const run = await sb('cloud', 'run', '-t', HELLO, '--run-name', place, '-o', 'json');
    expect(run.code, run.stderr).to.equal(0);
    expect((JSON.parse(run.stdout) as { mean: number }).mean).to.equal(1);
    const doctor = await sb('doctor');
    expect(doctor.code, doctor.stdout).to.equal(0);
  });

  it('lets everyone who is logged in find it, and see no other role', async () => {
    const may = async (name: string): Promise<number> =>
      (await kubectl(['auth', 'can-i', 'get', `clusterrole/${name}`, ...JANE])).code;
    expect(await may('sb-client')).to.equal(0);
    expect(await may('cluster-admin')).to.equal(1);
    const said = await kubectlOk(['get', 'clusterrole', 'sb-client', '-o', 'json', ...JANE]);
    expect((JSON.parse(said) as KubeObject).metadata.annotations).to.include({
      'sb.abundant.ai/installed-in': place,
    });
  });

  it('is tried with one Trial by helm test', async () => {
    const { code, stdout, stderr } = await ran(helm, ['test', RELEASE, '-n', place, '--logs']);
    expect(code, `${stdout}${stderr}`).to.equal(0);
    expect(stdout).to.match(/Phase: +Succeeded/);
    expect(stdout).to.contain('reward 1');
  });

  it('is refused a second time, for a cluster has one operator', async () => {
    const second = await makePlace();
    const { code, stderr } = await ran(helm, ['install', 'second', CHART, '-n', second, ...SET()]);
    await dropNamespace(second);
    expect(code).to.equal(1);
    expect(stderr).to.contain('invalid ownership metadata');
  });

  it('takes other values by helm upgrade, in new Pods', async () => {
    const { code, stderr } = await release('upgrade', RELEASE, '--set', 'logLevel=debug');
    expect(code, stderr).to.equal(0);
    const settings = ['get', 'configmap', 'sb-operator-settings', '-n', place, '-o', 'json'];
    expect((JSON.parse(await kubectlOk(settings)) as { data: object }).data).to.include({
      SB_LOG_LEVEL: 'debug',
    });
    const again = await sb('cloud', 'run', '-t', HELLO, '--run-name', `${place}-again`, '-o', 'json');
    expect(again.code, again.stderr).to.equal(0);
  });

  it('leaves the CRDs and the Trials when it is uninstalled, and what the operator made itself', async () => {
    const manifest = await done(helm, ['get', 'manifest', RELEASE, '-n', place]);
    expect((await ran(helm, ['uninstall', RELEASE, '-n', place, '--wait'])).code).to.equal(0);
    await kubectlOk(['wait', '--for=delete', `namespace/${AGENTS_NAMESPACE}`, '--timeout=120s']);
    const items = objectsOf(manifest);
    expect(items.length).to.be.above(40);
    const list = { apiVersion: 'v1', kind: 'List', items };
    const left = await kubectl(['get', '--ignore-not-found', '-o', 'name', '-f', '-'], list);
    expect(left.stdout.trim().split('\n').toSorted()).to.deep.equal(
      ['sandboxes', 'taskbuilds', 'trials'].map(
        (plural) => `customresourcedefinition.apiextensions.k8s.io/${plural}.sb.abundant.ai`,
      ),
    );
    const trials = await world().kube.list(TrialKind, { namespace });
    expect(trials.map(({ status }) => status?.reward)).to.deep.equal([1, 1, 1, 1]);
    const theirs = await kubectlOk(['get', 'taskbuilds,networkpolicies', '-n', namespace, '-o', 'name']);
    expect(theirs).to.contain('taskbuild').and.contain('networkpolicy');
    const own = await kubectlOk(['get', 'secrets,configmaps,leases', '-n', place, '-o', 'name']);
    expect(own.trim().split('\n').toSorted()).to.deep.equal([
      'configmap/kube-root-ca.crt',
      'configmap/sb-broker-ca',
      'lease.coordination.k8s.io/sb-operator',
      'secret/sb-broker-tls',
      `secret/${KEYS}`,
    ]);
  });
});

const JANE = ['--as=jane', '--as-group=system:authenticated'];

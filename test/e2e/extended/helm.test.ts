import { expect } from 'chai';
import { globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StatefulSet } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import { ensureHelm, type HelmTools } from '../cluster/index.ts';
import { comparable, objectsOf } from '../support/chart.ts';
import { root } from '../../support/cluster.ts';
import { CHART, done, kustomized, profile, ran, refusal, rendered } from '../support/helm.ts';
import { crdSchemas, kubernetesSchemas, LOCATION, monitoringCrds } from '../support/schemas.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;
const PINNED = ['--set', `image.digest=${DIGEST}`];
/** What the chart leaves to whoever installs it: namespaces, and credentials. */
const NOT_OF_THE_CHART = /^(Namespace {2}(sb-system|agents)|Secret sb-system sb-s3)$/;

describe('the Helm chart', function () {
  this.timeout(900_000);
  let tools: HelmTools;
  before(async () => {
    tools = await ensureHelm();
  });

  const objects = async (...args: string[]): Promise<KubeObject[]> =>
    objectsOf(await rendered(tools.helm, args));
  const named = async (kind: string, name: string, args: string[]): Promise<KubeObject | undefined> =>
    (await objects(...args)).find((object) => object.kind === kind && object.metadata.name === name);
  const operatorPod = async (...args: string[]) => {
    const found: StatefulSet | undefined = await named('StatefulSet', 'sb-operator', args);
    return found?.spec?.template ?? expect.fail('there is no StatefulSet');
  };

  for (const version of ['helm', 'helm3'] as const)
    for (const [folder, ...args] of [
      ['config/default'],
      ['config/overlays/local', ...profile('local'), ...PINNED],
      ['config/overlays/aws', ...profile('aws'), ...PINNED],
      [
        'config/overlays/aws-irsa',
        ...profile('aws'),
        ...PINNED,
        '--set',
        String.raw`serviceAccount.annotations.eks\.amazonaws\.com/role-arn=arn:aws:iam::123456789012:role/abundant-sb-operator`,
      ],
    ] as const)
      it(`renders with ${version} what kustomize makes of ${folder}, object by object`, async () => {
        const theirs = comparable(await kustomized(folder));
        const ours = comparable(await rendered(tools[version], [...args]));
        const expected = Object.keys(theirs).filter((key) => !NOT_OF_THE_CHART.test(key));
        expect(Object.keys(ours).toSorted()).to.deep.equal(expected.toSorted());
        for (const key of expected) expect(ours[key], key).to.deep.equal(theirs[key]);
      });

  it('passes helm lint of both versions, with all that it can have', async () => {
    for (const version of ['helm', 'helm3'] as const)
      expect(await done(tools[version], ['lint', '--strict', CHART, ...EVERYTHING])).to.contain(
        '0 chart(s) failed',
      );
  });

  describe('is what the API server expects', () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sb-schemas-'));
      const own = globSync(join(root, 'config/crd/*s.yaml'));
      await crdSchemas([...own, ...(await monitoringCrds())], join(folder, 'crds'));
    });
    after(() => rm(folder, { recursive: true }));

    const validated = (version: string, yaml: string) => {
      const locations = [version, 'crds'].flatMap((name) => [
        '-schema-location',
        join(folder, name, LOCATION),
      ]);
      return ran(tools.kubeconform, ['-strict', '-summary', '-output', 'json', ...locations], yaml);
    };

    for (const version of ['1.31.14', '1.32.10', '1.34.4'])
      it(`of Kubernetes ${version}: the defaults, both profiles, and all that it can have`, async () => {
        await kubernetesSchemas(version, join(folder, version));
        for (const args of [[], profile('local'), profile('aws'), EVERYTHING, ONE_MONITOR]) {
          const { stdout, stderr } = await validated(version, await rendered(tools.helm, args));
          const { summary, resources } = JSON.parse(stdout || stderr) as Validated;
          expect(resources ?? []).to.deep.equal([]);
          expect(summary).to.include({ invalid: 0, errors: 0, skipped: 0 });
          expect(summary.valid).to.be.above(40);
        }
        // It would say so: a field that is spelled wrong, and a kind that nobody knows.
        for (const [right, wrong] of [
          ['minAvailable: 1', 'minAvailabel: 1'],
          ['kind: PriorityClass', 'kind: PriorityKlass'],
        ] as const)
          expect(
            (await validated(version, (await rendered(tools.helm)).replace(right, wrong))).code,
          ).to.equal(1);
      });
  });

  it('names no namespace but that of the release and those that are Kubernetes’ or of agents’ programs', async () => {
    const yaml = await rendered(tools.helm, EVERYTHING, '123');
    expect(yaml).not.to.contain('sb-system');
    const namespaces = new Set(objectsOf(yaml).flatMap(({ metadata }) => metadata.namespace ?? []));
    expect([...namespaces]).to.have.members(['123', 'kube-system', 'sb-agents']);
  });

  it('refuses two monitors of the same metrics, an Ingress without a host, and a value that it does not know', async () => {
    const both = ['--set', 'podMonitor.enabled=true,serviceMonitor.enabled=true'];
    expect(await refusal(tools.helm, both)).to.contain('every metric would be there twice; enable one');
    const nowhere = ['--set', 'broker.ingress.enabled=true'];
    expect(await refusal(tools.helm, nowhere)).to.contain('name the host of the Ingress');
    for (const version of ['helm', 'helm3'] as const)
      expect(await refusal(tools[version], ['--set', 'replicaCount=3'])).to.contain('replicaCount');
  });

  it('keeps whoever has one replica able to drain its node', async () => {
    expect(await named('PodDisruptionBudget', 'sb-operator', ['--set', 'replicas=1'])).to.equal(undefined);
    expect(await named('PodDisruptionBudget', 'sb-operator', [])).not.to.equal(undefined);
  });

  it('writes large numbers, lists and maps as the operator reads them', async () => {
    const settings = await named('ConfigMap', 'sb-operator-settings', [
      '--set',
      'builds.maxSeconds=2592000,trials.imagePullSecrets={one,two}',
      '--set-json',
      'trials.gpuTypes={"h100":{"nodeSelectors":[{"gpu":"h100"}]}}',
    ]);
    expect(settings).to.have.property('data').that.includes({
      SB_MAX_BUILD_SECONDS: '2592000',
      SB_IMAGE_PULL_SECRETS: 'one,two',
      SB_GPU_TYPES: '{"h100":{"nodeSelectors":[{"gpu":"h100"}]}}',
    });
  });

  it('restarts the operator where its settings change, and not where another chart does', async () => {
    const sum = async (...args: string[]) =>
      (await operatorPod(...args)).metadata?.annotations?.['checksum/config'];
    expect(await sum('--set', 's3.bucket=another')).not.to.equal(await sum());
    expect(await sum('--set', 'commonLabels.team=a')).to.equal(await sum());
  });

  it('spreads the operator’s own Pods where a constraint names none', async () => {
    const spread = '[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]';
    const { spec } = await operatorPod('--set-json', `topologySpreadConstraints=${spread}`);
    expect(spec?.topologySpreadConstraints).to.deep.equal([
      {
        labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'sb-operator' } },
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
      },
    ]);
  });

  it('binds the operator to the namespaces that are named, and to no others', async () => {
    const args = ['--set', 'rbac.namespaces={team-a,team-b}'];
    const all = await objects(...args);
    expect(
      all.some(({ kind, metadata }) => kind === 'ClusterRoleBinding' && metadata.name === 'sb-operator-work'),
    ).to.equal(false);
    const bound = all.filter(
      ({ kind, metadata }) => kind === 'RoleBinding' && metadata.namespace?.startsWith('team-'),
    );
    expect(bound.map(({ metadata }) => metadata.namespace)).to.deep.equal(['team-a', 'team-b']);
  });

  it('has nobody read its metrics where nobody is named, and closes nothing where it is told so', async () => {
    const policies = async (...args: string[]) =>
      (await objects(...args))
        .filter(({ kind }) => kind === 'NetworkPolicy')
        .map(({ metadata }) => metadata.name);
    expect(await policies()).to.have.members(['sb-operator', 'sb-operator-metrics']);
    expect(await policies('--set-json', 'networkPolicy.metricsFrom=[]')).to.deep.equal(['sb-operator']);
    expect(await policies('--set', 'networkPolicy.enabled=false')).to.deep.equal([]);
  });

  it('leaves the CRDs out, or lets them go, only where it is told to', async () => {
    const crds = (all: KubeObject[]) => all.filter(({ kind }) => kind === 'CustomResourceDefinition');
    const kept = (all: KubeObject[]) =>
      crds(all).filter(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'] === 'keep');
    expect(kept(await objects())).to.have.length(3);
    expect(kept(await objects('--set', 'crds.keep=false'))).to.have.length(0);
    expect(crds(await objects('--set', 'crds.enabled=false'))).to.have.length(0);
  });
});

interface Validated {
  resources?: object[];
  summary: { valid: number; invalid: number; errors: number; skipped: number };
}

/** Excludes the other kind of monitor. */
const ONE_MONITOR = ['--set', 'podMonitor.enabled=true,podMonitor.interval=30s,podMonitor.labels.release=a'];

/** All that is off by default. */
const EVERYTHING = [
  ...profile('aws'),
  ...PINNED,
  '--set',
  'serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true',
  '--set',
  'broker.url=https://b.example.com,broker.loadBalancer.enabled=true,broker.ingress.enabled=true',
  '--set',
  'broker.ingress.host=b.example.com,broker.ingress.tlsSecret=tls,rbac.aggregate=true,logLevel=debug',
  '--set',
  'commonLabels.team=a,podLabels.team=a,podAnnotations.a=b,imagePullSecrets[0].name=ecr',
  '--set-json',
  'networkPolicy.metricsFrom=[{"namespaceSelector":{"matchLabels":{"team":"a"}}}]',
];

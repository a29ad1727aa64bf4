import { Ajv } from 'ajv';
import { expect } from 'chai';
import { load } from 'js-yaml';
import { ConfigError, readConfig } from '../../config.ts';
import { OVERLAYS } from '../../installation/overlays.ts';
import { PROFILE_NAMES } from '../../providers/profiles/profiles.ts';
import { leavesOf, settingsIn, valuesSchema, valuesYaml } from './derived.ts';
import { profileValues } from './profiles.ts';
import { VALUES } from './values.ts';

const schema = valuesSchema(VALUES);
const check = new Ajv({ allowUnionTypes: true, allErrors: true }).compile(schema);
/** `a.b=value` as an object. */
const at = (path: string, value: unknown): object =>
  path.split('.').reduceRight<unknown>((below, name) => ({ [name]: below }), value) as object;

const DIGEST = `sha256:${'0'.repeat(64)}`;

/** Values that somebody writes by mistake, or copies from another chart. */
const BAD: readonly (readonly [path: string, value: unknown])[] = [
  ['replicaCount', 2],
  ['replicas', -1],
  ['replicas', '2'],
  ['replicas', 1.5],
  ['replicas', 1000],
  ['autoscaling', { enabled: true }],
  ['ui', { enabled: true }],
  ['profile', 'gcp'],
  ['profile', ''],
  ['logLevel', 'verbose'],
  ['image', 'host/operator:1'],
  ['image.digest', '0'.repeat(64)],
  ['image.digest', `${DIGEST}0`],
  ['image.repository', ''],
  ['image.pullPolicy', 'always'],
  ['image.name', 'sb-operator'],
  ['imagePullSecrets', ['ecr']],
  ['s3.bucket', 's3://bucket'],
  ['s3.bucket', 'A'],
  ['s3.endpoint', 'minio:9000'],
  ['s3.accessKey', 'AKIA'],
  ['s3.existingSecret', ''],
  ['aws.region', 'Frankfurt'],
  ['aws.trialNamespace', 'My_Trials'],
  ['local.buildkitAddress', 'buildkit:1234'],
  ['builds.maxConcurrent', 0],
  ['builds.maxConcurrent', '20'],
  ['builds.registryMirrors', ['docker.io=http://mirror']],
  ['builds.platform', 'linux'],
  ['trials.verifierMode', 'separate'],
  ['trials.onlyLabelledNamespaces', 'yes'],
  ['trials.modelPrices', [{ model: 'm', input: '1', output: 5 }]],
  ['trials.gpuTypes', { h100: { nodeSelector: { gpu: 'h100' } } }],
  ['agents.versionsPerNamespace', 1001],
  ['extraEnv', { SB_STACK: 'a' }],
  ['extraEnv', [{ name: 'SB-STACK', value: 'a' }]],
  ['extraEnv', [{ name: 'A', valueFrom: { secretRef: { name: 'a' } } }]],
  ['resources', { limit: { memory: '1Gi' } }],
  ['resources', { limits: { memory: '1 GB' } }],
  ['nodeSelector', { gpu: true }],
  ['tolerations', [{ key: 'a', operator: 'Equals' }]],
  ['tolerations', { key: 'a' }],
  ['affinity', { podAntiAfinity: {} }],
  ['affinity', { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: {} }] } }],
  ['topologySpreadConstraints', [{ maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }]],
  ['topologySpreadConstraints', [{ maxSkew: 1 }]],
  ['podDisruptionBudget', true],
  ['podDisruptionBudget', { enabled: true, maxUnavailable: 1 }],
  ['serviceAccount', { create: false }],
  ['commonLabels', { 'app.kubernetes.io/name': 'mine' }],
  ['podLabels', { 'app.kubernetes.io/instance': 'mine' }],
  ['podAnnotations', { scrape: true }],
  ['rbac.namespaces', ['team_a']],
  ['networkPolicy.metricsFrom', [{ namespace: 'monitoring' }]],
  ['broker.url', 'http://broker.example.com'],
  ['broker.ingress', { enabled: true, hosts: ['a'] }],
  ['podMonitor', { enabled: true, interval: '30' }],
  ['prometheusRule', { enabled: true, rules: [] }],
  ['crds', { install: true }],
  ['test', { image: '' }],
];

describe('The values of the chart', () => {
  for (const [path, value] of BAD)
    it(`refuse ${path} = ${JSON.stringify(value)}`, () => {
      expect(check(at(path, value))).to.equal(false);
    });

  it('accept their own defaults, nothing at all, and what an installation really says', () => {
    const good = [
      load(valuesYaml(VALUES)),
      {},
      ...Object.values(OVERLAYS).map(profileValues),
      at('image.digest', DIGEST),
      // Where the chart is part of another.
      at('global.imageRegistry', 'registry.example.com'),
      at('builds.maxConcurrent', null),
      at('trials.gpuTypes', { h100: { nodeSelectors: [{ gpu: 'h100' }] }, t4: {} }),
      at('serviceAccount.annotations', { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::123456789012:role/a' }),
      at('extraEnv', [{ name: 'A', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }]),
      at('networkPolicy.metricsFrom', [{ namespaceSelector: { matchLabels: { a: 'b' } } }]),
    ];
    for (const values of good) expect(check(values), JSON.stringify(check.errors)).to.equal(true);
  });

  it('are closed wherever there is an object', () => {
    const open: string[] = [];
    const look = (part: unknown, path: string): void => {
      if (typeof part !== 'object' || part === null) return;
      if ('type' in part && part.type === 'object' && !('additionalProperties' in part)) open.push(path);
      for (const [key, below] of Object.entries(part)) look(below, `${path}.${key}`);
    };
    look(schema, '');
    expect(open).to.deep.equal(['.properties.global']);
    expect(JSON.stringify(schema)).not.to.contain('"additionalProperties":true');
  });

  it('say of each what it is', () => {
    const silent = leavesOf(VALUES).filter(({ value }) => !value.description);
    expect(silent.map(({ path }) => path)).to.deep.equal([]);
  });
});

describe('The variables of the operator', () => {
  /** Those that the chart's objects set, whatever the values are. */
  const OF_OBJECTS = [
    'SB_AGENT_CA_FILE',
    'SB_BROKER_PORT',
    'SB_BROKER_URL',
    'SB_COURIER_IMAGE',
    'SB_METRICS_PORT',
    'SB_PROBE_PORT',
    'SB_S3_REGION',
    'SB_WORK_FOLDER',
  ];

  it('are all set by a value of the chart or by its objects, each by one', () => {
    const asked = new Set<string>();
    for (const SB_PROFILE of PROFILE_NAMES) {
      const env = new Proxy<Record<string, string>>(
        { SB_PROFILE },
        {
          get: (own, name: string) => (asked.add(name), own[name]),
        },
      );
      expect(() => readConfig(env)).to.throw(ConfigError);
    }
    const set = [...settingsIn(VALUES).map(({ env }) => env), ...OF_OBJECTS];
    expect(set.toSorted()).to.deep.equal([...asked].filter((name) => name.startsWith('SB_')).toSorted());
  });

  it('come out of the profiles as they are in the overlays, or there is no such value', () => {
    const aws = OVERLAYS['aws'] ?? expect.fail('there is no profile aws');
    expect(profileValues(aws)).to.have.nested.property('builds.maxConcurrent', 20);
    expect(() => profileValues({ ...aws, settings: [['SB_UNKNOWN', 'x']] })).to.throw('SB_UNKNOWN');
  });
});

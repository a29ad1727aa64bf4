import { expect } from 'chai';
import { ConfigError, readConfig, type Config } from './config.ts';

const complete = {
  POD_NAME: 'sb-operator-0',
  SB_S3_ENDPOINT: 'http://sb-s3:7070',
  SB_S3_PUBLIC_ENDPOINT: 'http://127.0.0.1:7070/',
  SB_IMAGE_REPOSITORY: 'sb-registry:5000/sandboxes',
  SB_REGISTRY_MIRRORS: 'docker.io=http://sb-registry:5000,sb-registry:5000=http://sb-registry:5000',
  SB_BUILDKIT_ADDR: 'tcp://sb-buildkit:1234',
  SB_BUILDCTL_IMAGE: 'sb-registry:5000/buildctl:v1',
  SB_COURIER_IMAGE: `sb-registry:5000/sb-operator@sha256:${'0'.repeat(64)}`,
  SB_BROKER_URL: 'https://sb-broker.sb-system.svc:8443',
};

describe('config', () => {
  it('reads a complete environment', () => {
    const config = readConfig(complete);
    expect(config.s3.publicEndpoint).to.equal('http://127.0.0.1:7070');
    expect(config.registryMirrors).to.deep.equal({
      'docker.io': 'http://sb-registry:5000',
      'sb-registry:5000': 'http://sb-registry:5000',
    });
    expect(config.broker.port).to.equal(8443);
  });

  it('names every missing and every wrong setting at once', () => {
    const wrong = {
      ...complete,
      POD_NAME: '',
      SB_BROKER_URL: 'http://plain',
      SB_BROKER_PORT: 'x',
      SB_PROFILE: 'moon',
    };
    expect(() => readConfig(wrong))
      .to.throw(ConfigError)
      .with.property('message')
      .that.matches(/SB_PROFILE: moon/)
      .and.matches(/POD_NAME: missing/)
      .and.matches(/SB_BROKER_URL: http:\/\/plain/)
      .and.matches(/SB_BROKER_PORT: x/);
  });

  it('allows Trials no private address, but what it says itself', () => {
    expect(readConfig(complete).egressAllowed).to.deep.equal([]);
    const SB_EGRESS_ALLOWED = '10.0.5.0/24,10.0.5.7:443,[FD00:5::/64]:8443';
    expect(readConfig({ ...complete, SB_EGRESS_ALLOWED }).egressAllowed).to.deep.equal([
      { cidr: '10.0.5.0/24' },
      { cidr: '10.0.5.7/32', port: 443 },
      { cidr: 'fd00:5::/64', port: 8443 },
    ]);
    expect(() => readConfig({ ...complete, SB_EGRESS_ALLOWED: '10.0.5.1/24,0.0.0.0/0' })).to.throw(
      ConfigError,
      [
        'SB_EGRESS_ALLOWED: 10.0.5.1/24 is not a range from its first address, such as 10.0.5.0/24, 10.0.5.7/32:443 or [fd00:5::/64]:443',
        'SB_EGRESS_ALLOWED: 0.0.0.0/0 holds addresses of 0.0.0.0/8, which no Trial may reach',
      ].join('\n'),
    );
  });

  it('has verifiers share the agent’s container unless it says otherwise', () => {
    expect(readConfig(complete).verifierMode).to.equal('Shared');
    expect(readConfig({ ...complete, SB_VERIFIER_MODE: 'Separate' }).verifierMode).to.equal('Separate');
    expect(() => readConfig({ ...complete, SB_VERIFIER_MODE: 'separate' })).to.throw(
      'SB_VERIFIER_MODE: separate is not one of Shared, Separate',
    );
  });

  it('refuses a mirror that is no pair', () => {
    expect(() => readConfig({ ...complete, SB_REGISTRY_MIRRORS: 'docker.io' })).to.throw(
      'SB_REGISTRY_MIRRORS: docker.io',
    );
  });

  it('rewrites no base image locally, and builds four at once, as many in one namespace, for eight hours at most', () => {
    const config = readConfig(complete);
    expect(config).to.deep.include({ baseImageMirrors: {}, maxConcurrentBuilds: 4 });
    expect(config.maxBuildsPerNamespace).to.be.at.least(config.maxConcurrentBuilds);
    expect(config.buildLimits).to.deep.equal({ timeoutSeconds: 28_800, queueTimeoutSeconds: 28_800 });
  });

  it('takes the courier’s image by digest alone: whoever pushes under a tag would run beside every task', () => {
    for (const image of ['sb-registry:5000/sb-operator:1', 'sb-operator', `x@sha256:${'0'.repeat(63)}`])
      expect(() => readConfig({ ...complete, SB_COURIER_IMAGE: image })).to.throw(
        `SB_COURIER_IMAGE: ${image} is not an image by digest`,
      );
  });

  it('knows GPUs of EKS, by the labels of Karpenter and of Auto Mode, and of GKE, and those of SB_GPU_TYPES in their place', () => {
    const { gpus } = readConfig(complete);
    expect(gpus.resource).to.equal('nvidia.com/gpu');
    expect(gpus.types['h100']?.nodeSelectors).to.deep.equal([
      { 'karpenter.k8s.aws/instance-gpu-name': 'h100' },
      { 'eks.amazonaws.com/instance-gpu-name': 'h100' },
      { 'cloud.google.com/gke-accelerator': 'nvidia-h100-80gb' },
    ]);
    expect(gpus.types['a100-80gb']?.nodeSelectors).to.deep.include({
      'eks.amazonaws.com/instance-gpu-name': 'a100',
      'eks.amazonaws.com/instance-gpu-memory': '81920',
    });
    const SB_GPU_TYPES = JSON.stringify({
      H100: { nodeSelectors: [{ gpu: 'h100' }] },
      MI300: { nodeSelectors: [{ gpu: 'mi300', 'big/memory': '' }], resource: 'amd.com/gpu' },
      t4: {},
    });
    const own = readConfig({ ...complete, SB_GPU_TYPES, SB_GPU_RESOURCE: 'example.com/gpu' }).gpus;
    expect(own.types['h100']).to.deep.equal({
      nodeSelectors: [{ gpu: 'h100' }],
      resource: 'example.com/gpu',
    });
    expect(own.types['mi300']?.resource).to.equal('amd.com/gpu');
    expect(own.types).to.have.property('l4').with.property('resource', 'example.com/gpu');
    expect(own.types).not.to.have.property('t4');
  });

  for (const wrong of [
    'H100',
    '[]',
    '{"H100":[]}',
    '{"H100":{"nodeSelectors":[]}}',
    '{"H100":{"nodeSelectors":[{}]}}',
    '{"H100":{"nodeSelectors":[{"gpu":1}]}}',
    '{"H100":{"nodeSelectors":[{"gpu":"a b"}]}}',
    '{"H100":{"nodeSelector":{"gpu":"h100"}}}',
    '{"H100":{"nodeSelectors":[{"gpu":"x"}],"resource":"no resource"}}',
  ])
    it(`refuses ${wrong} as SB_GPU_TYPES`, () => {
      expect(() => readConfig({ ...complete, SB_GPU_TYPES: wrong })).to.throw(
        `SB_GPU_TYPES: ${wrong} is not a JSON object such as`,
      );
    });

  it('has no build push to where the operator itself is pulled from', () => {
    expect(() => readConfig({ ...complete, SB_IMAGE_REPOSITORY: 'sb-registry:5000/sb-operator' })).to.throw(
      'SB_IMAGE_REPOSITORY: sb-registry:5000/sb-operator is the repository of the operator',
    );
  });

  it('keeps images of namespaces apart where builds are Pods in them, and other repositories out', () => {
    expect(readConfig(complete)).to.deep.include({ imageSharing: 'Namespace', imageRepositories: [] });
    const more = { SB_IMAGE_SHARING: 'Shared', SB_IMAGE_REPOSITORIES: 'host:5000/one,host:5000/team/*' };
    expect(readConfig({ ...complete, ...more })).to.deep.include({
      imageSharing: 'Shared',
      imageRepositories: ['host:5000/one', 'host:5000/team/*'],
    });
    for (const bad of ['*', 'host/*/x', 'host/x:tag', 'UPPER/x'])
      expect(() => readConfig({ ...complete, SB_IMAGE_REPOSITORIES: bad })).to.throw(
        `SB_IMAGE_REPOSITORIES: ${bad} is not a repository`,
      );
  });

  it('requires task prefixes of a namespace only where it is told to, in a word that it knows', () => {
    const required = (value: string) =>
      readConfig({ ...complete, SB_REQUIRE_TASK_PREFIXES: value }).requireTaskPrefixes;
    expect([required(''), required('false'), required('true')]).to.deep.equal([false, false, true]);
    expect(() => required('yes')).to.throw('SB_REQUIRE_TASK_PREFIXES: yes is not one of false, true');
  });
});

describe('config of the aws profile', () => {
  const aws = {
    SB_PROFILE: 'aws',
    POD_NAME: 'sb-operator-0',
    SB_AWS_REGION: 'eu-west-1',
    SB_COURIER_IMAGE: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/sb-operator@sha256:${'0'.repeat(64)}`,
    SB_BROKER_URL: 'https://sb-broker.sb-system.svc:8443',
  };
  const read = (more: Record<string, string> = {}): Config<'aws'> =>
    readConfig({ ...aws, ...more }) as Config<'aws'>;

  it('needs the region, and no endpoint of anything', () => {
    expect(read()).to.deep.include({
      profile: 'aws',
      region: 'eu-west-1',
      s3: { bucket: 'abundant-sb-artifacts', region: 'eu-west-1' },
      stack: 'abundant-sb',
      ecrRepository: 'abundant-sb-sandboxes',
      codebuildProject: 'abundant-sb-build',
      trialNamespace: 'agents',
      logGroup: '/sb/eks/logs',
      imagePlatform: 'linux/amd64',
      maxConcurrentBuilds: 20,
      imageSharing: 'Shared',
      baseImageMirrors: { 'docker.io/library': 'public.ecr.aws/docker/library' },
    });
    expect(() => readConfig({ ...aws, SB_AWS_REGION: '' })).to.throw('SB_AWS_REGION: missing; set it');
  });

  it('takes a region of every partition', () => {
    for (const SB_AWS_REGION of ['cn-north-1', 'us-gov-west-1', 'eusc-de-east-1'])
      expect(read({ SB_AWS_REGION }).region).to.equal(SB_AWS_REGION);
  });

  it('takes an endpoint of S3, another region for the bucket, and a key', () => {
    const s3 = {
      SB_S3_ENDPOINT: 'http://s3:7070/',
      SB_S3_PUBLIC_ENDPOINT: 'http://127.0.0.1:7070',
      SB_S3_REGION: 'us-east-1',
      SB_KMS_KEY_ID: '1234abcd-12ab-34cd-56ef-1234567890ab',
    };
    expect(read(s3).s3).to.deep.equal({
      bucket: 'abundant-sb-artifacts',
      region: 'us-east-1',
      endpoint: 'http://s3:7070',
      publicEndpoint: 'http://127.0.0.1:7070',
      kmsKeyId: '1234abcd-12ab-34cd-56ef-1234567890ab',
    });
  });

  it('has nobody ask what AWS charges, where nothing is said', () => {
    expect(read().budgetCorrection).to.equal('Off');
    expect(read({ SB_BUDGET_CORRECTION: 'CostExplorer' }).budgetCorrection).to.equal('CostExplorer');
    expect(() => read({ SB_BUDGET_CORRECTION: 'true' })).to.throw('SB_BUDGET_CORRECTION: true is not one of');
  });

  it('takes the names of pull secrets', () => {
    expect(read({ SB_IMAGE_PULL_SECRETS: 'ecr,hub' }).imagePullSecrets).to.deep.equal(['ecr', 'hub']);
    expect(read({}).imagePullSecrets).to.deep.equal([]);
  });

  it('is told whether nodes have user namespaces', () => {
    expect(read({}).userNamespaces).to.equal(false);
    expect(read({ SB_USER_NAMESPACES: 'true' }).userNamespaces).to.equal(true);
    expect(() => read({ SB_USER_NAMESPACES: 'yes' })).to.throw(ConfigError, 'SB_USER_NAMESPACES');
  });

  it('takes other mirrors of base images, or none', () => {
    const cache = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub';
    expect(read({ SB_BASE_IMAGE_MIRRORS: `docker.io=${cache}` }).baseImageMirrors).to.deep.equal({
      'docker.io': cache,
    });
    expect(read({ SB_BASE_IMAGE_MIRRORS: '' }).baseImageMirrors).to.deep.equal({});
  });

  it('names every wrong setting at once', () => {
    const wrong = {
      SB_AWS_REGION: 'Frankfurt',
      SB_STACK: 'a stack',
      SB_ECR_REPO: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/x',
      SB_S3_BUCKET: 's3://bucket',
      SB_S3_ENDPOINT: 's3:7070',
      SB_CODEBUILD_PROJECT: 'arn:aws:codebuild:project/x',
      SB_K8S_NAMESPACE: 'Agents',
      SB_LOG_GROUP: 'a b',
      SB_IMAGE_PLATFORM: 'amd64',
      SB_MAX_CONCURRENT_BUILDS: '0',
      SB_MAX_BUILDS_PER_NAMESPACE: 'few',
      SB_MAX_BUILD_SECONDS: '-1',
      SB_MAX_BUILD_QUEUE_SECONDS: '1.5',
      SB_BASE_IMAGE_MIRRORS: 'docker.io=https://mirror',
      SB_REGISTRY_MIRRORS: 'docker.io=mirror',
      SB_IMAGE_PULL_SECRETS: 'ecr,Not a name',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
      SB_COURIER_IMAGE: '',
    };
    expect(() => read(wrong))
      .to.throw(ConfigError)
      .with.property('message')
      .that.satisfies((message: string) => {
        expect(message.split('\n').map((line) => line.split(':')[0])).to.have.members(Object.keys(wrong));
        return true;
      });
  });

  it('knows no BuildKit and no registry of the local profile', () => {
    expect(read({ SB_BUILDKIT_ADDR: 'tcp://x:1', SB_IMAGE_REPOSITORY: 'x/y' })).to.not.have.any.keys(
      'buildkit',
      'imageRepository',
    );
  });
});

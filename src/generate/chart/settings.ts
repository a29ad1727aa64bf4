/** Values that are settings of the operator, in the groups in which somebody looks for them. */
import { Type } from 'typebox';
import { STORE_SECRET } from '../../installation/names.ts';
import { DEFAULTS } from '../../installation/values.ts';
import { Choice, Flag, Group, List, Matching, sets, Shape, StringMap, Text, Whole } from './shapes.ts';

const URL = 'https?://[^\\s]+';
export const NAMESPACE = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
const BUILDS = [1, 10_000] as const;
const BUILD_SECONDS = [1, 2_592_000] as const;
const price = Type.Number({ minimum: 0 });

export const s3 = Group(
  {
    bucket: sets(
      'SB_S3_BUCKET',
      Text('Where tasks and results are.', DEFAULTS.settings['SB_S3_BUCKET'], {
        pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
      }),
    ),
    region: Text('Of the bucket. Empty: `aws.region`, or `us-east-1` for the profile `local`.'),
    endpoint: sets('SB_S3_ENDPOINT', Matching(URL, 'URL of the store as Pods reach it. Empty: AWS.')),
    publicEndpoint: sets(
      'SB_S3_PUBLIC_ENDPOINT',
      Matching(URL, 'The same as clients and browsers reach it.'),
    ),
    kmsKeyId: sets(
      'SB_KMS_KEY_ID',
      Text('KMS key that objects are encrypted with. Empty: the bucket decides.'),
    ),
    existingSecret: Text(
      'Secret of the release’s namespace with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, where no cloud gives the Pod an identity. It may be missing.',
      STORE_SECRET,
      { minLength: 1 },
    ),
  },
  'The store.',
);

export const aws = Group(
  {
    region: sets(
      'SB_AWS_REGION',
      Matching('[a-z]{2,4}(-[a-z]+)+-\\d{1,2}', 'Required for the profile `aws`.'),
    ),
    stack: sets('SB_STACK', Text('Prefix of what belongs together.')),
    ecrRepository: sets('SB_ECR_REPO', Text('Name of the ECR repository of built images: no host, no tag.')),
    codebuildProject: sets('SB_CODEBUILD_PROJECT', Text('Name of the CodeBuild project.')),
    buildkitImage: sets('SB_BUILDKIT_IMAGE', Text('What a build on CodeBuild runs as its BuildKit daemon.')),
    trialNamespace: sets(
      'SB_K8S_NAMESPACE',
      Matching(NAMESPACE, 'Where Trials are when nothing else is said.'),
    ),
    logGroup: sets('SB_LOG_GROUP', Text('CloudWatch log group with the Pods’ logs.')),
    budgetCorrection: sets(
      'SB_BUDGET_CORRECTION',
      Choice(
        ['Off', 'CostExplorer'],
        'Whether budgets of namespaces are held once a day against what AWS charges (docs/researchers.md).',
      ),
    ),
  },
  'The profile `aws`. Empty: the operator’s own defaults (docs/aws.md).',
);

export const local = Group(
  {
    imageRepository: sets(
      'SB_IMAGE_REPOSITORY',
      Text('Where built images go, such as `registry:5000/sandboxes`.'),
    ),
    buildkitAddress: sets(
      'SB_BUILDKIT_ADDR',
      Matching('(tcp|unix)://[^\\s]+', 'Such as `tcp://buildkit:1234`.'),
    ),
    buildctlImage: sets('SB_BUILDCTL_IMAGE', Text('An image with `buildctl` and `sh`.')),
  },
  'The profile `local`: any cluster with an S3 endpoint, a registry and BuildKit.',
);

export const builds = Group(
  {
    platform: sets(
      'SB_IMAGE_PLATFORM',
      Matching('[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?', 'Of the nodes, such as `linux/arm64`.'),
    ),
    imageSharing: sets(
      'SB_IMAGE_SHARING',
      Choice(['Shared', 'Namespace'], 'Whether an image that was built for one namespace serves the others.'),
    ),
    imageRepositories: sets(
      'SB_IMAGE_REPOSITORIES',
      List(
        Type.String({ minLength: 1 }),
        'What a TaskBuild’s `repository` may name beside the default: `host/one`, `host/team/*`.',
      ),
      'list',
    ),
    registryMirrors: sets('SB_REGISTRY_MIRRORS', StringMap('Host → base URL.'), 'pairs'),
    baseImageMirrors: sets(
      'SB_BASE_IMAGE_MIRRORS',
      StringMap('Prefix of an image’s name, in a Dockerfile or a Trial → where it is pulled from.'),
      'pairs',
    ),
    maxConcurrent: sets(
      'SB_MAX_CONCURRENT_BUILDS',
      Whole(...BUILDS, 'Builds that may be under way at the same time.'),
      'number',
    ),
    maxPerNamespace: sets(
      'SB_MAX_BUILDS_PER_NAMESPACE',
      Whole(...BUILDS, 'How many of them one namespace may have.'),
      'number',
    ),
    maxSeconds: sets(
      'SB_MAX_BUILD_SECONDS',
      Whole(...BUILD_SECONDS, 'The longest time limit that a TaskBuild may ask for.'),
      'number',
    ),
    maxQueueSeconds: sets(
      'SB_MAX_BUILD_QUEUE_SECONDS',
      Whole(...BUILD_SECONDS, 'The same for the time in the queue.'),
      'number',
    ),
  },
  'How images are built.',
);

const modelPrice = Shape(
  { model: Type.String({ minLength: 1 }), input: price, cached: price, output: price, cacheWrite: price },
  ['model', 'input', 'output'],
);

export const trials = Group(
  {
    onlyLabelledNamespaces: Flag(
      'Trials, builds and Sandboxes only in namespaces with the label `sb.abundant.ai/trials=allowed`.',
    ),
    verifierMode: sets(
      'SB_VERIFIER_MODE',
      Choice(['Shared', 'Separate'], 'Where verifiers run for which nobody else says it.'),
    ),
    userNamespaces: sets('SB_USER_NAMESPACES', Flag('Nodes can give Pods user namespaces of their own.')),
    requireTaskPrefixes: sets(
      'SB_REQUIRE_TASK_PREFIXES',
      Flag('A namespace without the annotation `sb.abundant.ai/task-prefixes` may read no task.'),
    ),
    imagePullSecrets: sets(
      'SB_IMAGE_PULL_SECRETS',
      List(Type.String({ minLength: 1 }), 'Secrets of each Trial’s namespace that its Pod pulls with.'),
      'list',
    ),
    egressAllowed: sets(
      'SB_EGRESS_ALLOWED',
      List(
        Type.String({ minLength: 1 }),
        'What Trials may reach though its address is not public, such as `10.0.5.7/32:443`.',
      ),
      'list',
    ),
    modelPrices: sets(
      'SB_MODEL_PRICES',
      List(modelPrice, 'What models cost, in US dollars for a million tokens, before what is built in.'),
      'json',
    ),
    prices: sets(
      'SB_PRICES',
      Type.Unsafe({
        type: 'object',
        additionalProperties: price,
        description:
          'What Pods cost, for budgets of namespaces, in US dollars an hour by resource: of one CPU, one GiB of memory, one GPU. Empty: the operator’s own.',
        default: {},
      }),
      'json',
    ),
    budgetGraceSeconds: sets(
      'SB_BUDGET_GRACE_SECONDS',
      Whole(120, 86_400, 'What runs when the budget of its namespace is spent has ended by then.'),
      'number',
    ),
    gpuResource: sets(
      'SB_GPU_RESOURCE',
      Text('What a container with a GPU asks for. Empty: `nvidia.com/gpu`.'),
    ),
    gpuTypes: sets(
      'SB_GPU_TYPES',
      Type.Unsafe({
        type: 'object',
        additionalProperties: Shape({ nodeSelectors: Type.Array(StringMap('')), resource: Type.String() }),
        description: 'Type of GPU → the nodes that have it; `{}` removes a type.',
        default: {},
      }),
      'json',
    ),
  },
  'What holds for all Trials.',
);

export const agents = Group(
  {
    programs: sets(
      'SB_AGENT_PROGRAMS',
      Choice(
        ['Image', 'Install'],
        'Whether the operator builds an image of an agent’s program, or each container installs it.',
      ),
    ),
    volumes: sets('SB_AGENT_VOLUMES', Choice(['Copy', 'Image'], 'How its files come into a container.')),
    versionsPerNamespace: sets(
      'SB_AGENT_VERSIONS',
      Whole(0, 1000, 'How many versions of its own choice each namespace may have built.'),
      'number',
    ),
  },
  'Programs of agents (docs/agents.md).',
);

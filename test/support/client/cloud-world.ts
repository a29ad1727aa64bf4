/** An account of AWS for `sb cloud`: CloudFormation on this machine, with resources in memory, and an account that says what a test wants. */
import { TAGS } from '../../../src/installation/aws/names.ts';
import type { Account, Cluster, Inspection, Purge, Subnet } from '../../../src/providers/account/port.ts';
import { cloudFormation } from '../../../src/providers/stacks/cloudformation.ts';
import type { CloudPorts } from '../../../src/providers/profiles/cloud.ts';
import { retried } from '../../../src/providers/retry.ts';
import {
  withInstallation,
  type CloudWish,
  type Installation,
} from '../../../src/client/cloud/installation.ts';
import type { ClusterPart } from '../../../src/client/cloud/steps.ts';
import { ACCOUNT, CREDENTIALS, REGION, STACK } from '../aws/facts.ts';
import type { KnownCredentials } from '../codebuild/service.ts';
import { memoryTypes, startCloudFormation, type CloudFormationService } from '../cloudformation/index.ts';
import type { ResourceType } from '../cloudformation/resource-type.ts';
import type { Kind, MemoryTypes } from '../cloudformation/types/memory.ts';

/** Source of each: its page in the template reference, "Return values" and "Update requires". */
const KINDS: Readonly<Record<string, Kind>> = {
  'AWS::CodeBuild::Project': { name: 'Name', attributes: ['Arn'] },
  'AWS::EC2::EIP': { attributes: ['AllocationId'] },
  'AWS::EC2::InternetGateway': {},
  'AWS::EC2::NatGateway': { replacedBy: ['SubnetId'] },
  'AWS::EC2::Route': {},
  'AWS::EC2::RouteTable': {},
  'AWS::EC2::Subnet': { replacedBy: ['AvailabilityZone', 'CidrBlock'] },
  'AWS::EC2::SubnetRouteTableAssociation': {},
  'AWS::EC2::VPC': { replacedBy: ['CidrBlock'] },
  'AWS::EC2::VPCEndpoint': {},
  'AWS::EC2::VPCGatewayAttachment': {},
  'AWS::ECR::Repository': { name: 'RepositoryName', attributes: ['Arn', 'RepositoryUri'] },
  'AWS::EKS::AccessEntry': { replacedBy: ['PrincipalArn'] },
  'AWS::EKS::Cluster': {
    name: 'Name',
    attributes: ['Arn', 'Endpoint', 'CertificateAuthorityData', 'ClusterSecurityGroupId'],
    replacedBy: ['RoleArn'],
  },
  'AWS::EKS::PodIdentityAssociation': {},
  'AWS::IAM::Policy': {},
  'AWS::IAM::Role': { attributes: ['Arn'] },
  'AWS::Logs::LogGroup': { name: 'LogGroupName', attributes: ['Arn'] },
  'AWS::S3::Bucket': { name: 'BucketName', attributes: ['Arn'] },
  'AWS::S3::BucketPolicy': {},
};

/** What the account says; a test changes it. */
export interface Says {
  arn: string;
  zones: string[];
  subnets: Subnet[];
  clusters: Cluster[];
  /** ARNs with the installation's tag, and those of its part that is kept. */
  tagged: string[];
  taggedParts: string[];
  running: string[];
  /** By name: how many versions of objects a bucket holds. */
  buckets: Map<string, number>;
  /** What calls of the account, of purging and of the cluster (`running`) fail with, by their names. */
  refused: Map<keyof Account | keyof Purge | 'running', Error>;
  /** Where the cluster of the stack is. */
  cluster: Pick<Cluster, 'endpoint' | 'authority'>;
  /** Keys that `sb` has; those that AWS knows are the world's. */
  credentials: { accessKeyId: string; secretAccessKey: string };
  /** In the cluster; default: nothing. */
  inside: ClusterPart['steps'];
  /** By code. */
  quotas: Record<string, number>;
}

export interface CloudWorld extends Pick<MemoryTypes, 'things' | 'held'> {
  /** Types that the region has. */
  types: Record<string, ResourceType>;
  formation: CloudFormationService;
  says: Says;
  /** Keys that AWS knows. */
  keys: KnownCredentials;
  env: Record<string, string>;
  /** What happens while `sb` waits. */
  onSleep: () => void;
  /** Lines of progress. */
  said: string[];
  /** What was deleted for good. */
  purged: string[];
  /** Interrupts whatever waits; the next command has a signal of its own. */
  interrupt(): void;
  /** Milliseconds that a pause of `sb` takes at most; default 2. */
  pauseMs: number;
  /** `changed`: ports that do something else around their calls. */
  with<T>(
    work: (installation: Installation) => Promise<T>,
    wish?: Partial<CloudWish>,
    changed?: (ports: CloudPorts) => CloudPorts,
  ): Promise<T>;
  close(): Promise<void>;
}

/** CloudFormation whose resources are in memory, and quick. */
export async function startFormation({ pageSize = 100 } = {}): Promise<
  Pick<CloudWorld, 'formation' | 'things' | 'held' | 'types' | 'keys'>
> {
  const { types: all, things, held } = memoryTypes(KINDS);
  const types = { ...all };
  const keys: KnownCredentials = { ...CREDENTIALS, userName: 'admin' };
  const formation = await startCloudFormation({
    region: REGION,
    account: ACCOUNT,
    credentials: keys,
    types,
    pageSize,
    millisecondsOf: () => 1,
  });
  return { formation, things, held, types, keys };
}

export async function cloudWorld({ pageSize = 7 } = {}): Promise<CloudWorld> {
  const { formation, things, held, types, keys } = await startFormation({ pageSize });
  const says: Says = {
    arn: `arn:aws:iam::${ACCOUNT}:role/admin`,
    zones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
    subnets: [],
    clusters: [],
    tagged: [],
    taggedParts: [],
    running: [],
    buckets: new Map(),
    refused: new Map(),
    cluster: { endpoint: 'https://cluster.test', authority: 'Y2E=' },
    credentials: CREDENTIALS,
    inside: [],
    quotas: { 'L-2DC20C30': 60, 'L-1216C47A': 2000, 'L-34B43A08': 2000 },
  };
  const purged: string[] = [];
  let controller = new AbortController();
  let elapsed = 0;
  const world: CloudWorld = {
    formation,
    things,
    held,
    types,
    says,
    keys,
    env: {},
    onSleep: () => {},
    said: [],
    purged,
    pauseMs: 2,
    interrupt: () => controller.abort(new Error('interrupted')),
    async with(work, wish = {}, changed = (ports) => ports) {
      controller = new AbortController();
      const around = {
        env: world.env,
        cwd: '/',
        signal: controller.signal,
        now: () => new Date(Date.parse('2026-01-31T14:25:01Z') + elapsed),
        say: (line: string) => void world.said.push(line),
      };
      const sleep = (ms: number): Promise<void> => {
        elapsed += ms;
        world.onSleep();
        return new Promise((resolve) => setTimeout(resolve, Math.min(ms, world.pauseMs)));
      };
      const open = async () => changed(portsOf(world, sleep));
      return withInstallation(
        { stack: STACK, region: REGION, zones: 3, ...wish },
        { around, inside: insideOf(world), open, sleep },
        work,
      );
    },
    close: () => formation.close(),
  };
  return world;
}

const portsOf = (world: CloudWorld, sleep: (ms: number) => Promise<void>): CloudPorts => ({
  account: refusing(accountOf(world), world.says),
  stacks: retried(
    cloudFormation({
      region: REGION,
      endpoint: world.formation.url,
      credentials: world.says.credentials,
      sleep,
    }),
    { attempts: 4, sleep },
  ),
  purge: async () => refusing(purgeOf(world), world.says),
  inspection: async () => inspectionOf(world),
});

const insideOf = ({ says }: CloudWorld): ClusterPart => ({
  steps: says.inside,
  running: refusing({ running: async () => says.running }, says).running,
  nodes: async () => [],
  pools: async () => [],
});

/** The same, but what a test refuses. */
const refusing = <T extends object>(port: T, { refused }: Says): T =>
  new Proxy(port, {
    get(target, name) {
      const error = refused.get(name as keyof Account);
      return error ? () => Promise.reject(error) : (Reflect.get(target, name) as unknown);
    },
  });

const accountOf = ({ says, things }: CloudWorld): Account => ({
  identity: async () => ({ account: ACCOUNT, arn: says.arn }),
  credentials: async () => says.credentials,
  role: async (name) => ({ arn: `arn:aws:iam::${ACCOUNT}:role/with/path/${name}`, tags: {} }),
  zones: async () => says.zones,
  subnets: async () => says.subnets,
  cluster: async (name) => says.clusters.find((one) => one.name === name) ?? made(things, name, says),
  tagged: async (key) => (key === TAGS.stack ? says.tagged : says.taggedParts),
});

/** The cluster that a stack made. */
const made = (things: MemoryTypes['things'], name: string, { cluster }: Says): Cluster | undefined =>
  things.some(({ type, physicalId }) => type === 'AWS::EKS::Cluster' && physicalId === name)
    ? {
        name,
        arn: `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/${name}`,
        status: 'ACTIVE',
        version: '1.35',
        ...cluster,
        autoMode: true,
        tags: {},
        vpc: 'vpc-1',
        subnets: ['subnet-1', 'subnet-2'],
      }
    : undefined;

/** Whatever the stacks have made is there. */
const inspectionOf = ({ says, things }: CloudWorld): Inspection => ({
  quota: async ({ code }) => says.quotas[code],
  project: async (name) =>
    things.some(({ type, physicalId }) => type === 'AWS::CodeBuild::Project' && physicalId === name)
      ? { computeType: 'BUILD_GENERAL1_MEDIUM', type: 'LINUX_CONTAINER', role: '' }
      : undefined,
  hasLogGroup: async () => true,
  podRole: async () => undefined,
  s3Way: async () => ({ without: [] }),
  activeCostTags: async () => [],
  simulate: async () => [],
});

const purgeOf = ({ says, purged }: CloudWorld): Purge => ({
  contents: async (bucket) => {
    const count = says.buckets.get(bucket);
    return count === undefined ? undefined : { count, more: false };
  },
  bucket: async (name) => {
    says.buckets.delete(name);
    purged.push(`bucket ${name}`);
  },
  repository: async (name) => void purged.push(`repository ${name}`),
  logGroup: async (name) => void purged.push(`log group ${name}`),
});

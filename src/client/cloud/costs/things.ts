/** What an installation on AWS consists of, as people read it: the resources of the stacks, in words, with what they cost. */
import { STACKS, TEMPLATES } from '../../../installation/aws/stacks/stacks.ts';
import type { Resource, ResourceType } from '../../../installation/aws/stacks/template.ts';
import { dollars } from '../../../text/figures.ts';
import { instancePrice } from './instance-prices.ts';
import { AUTO_MODE_SHARE, PRICES, type Price } from './prices.ts';

interface Kind {
  one: string;
  many: string;
  prices?: readonly Price[];
}

const kind = (one: string, many: string, ...prices: Price[]): Kind => ({ one, many, prices });

/** Every type that a stack may have. `undefined`: a detail of another one. */
const KINDS: Record<ResourceType, Kind | undefined> = {
  'AWS::Budgets::Budget': kind('alarm on the bill', 'alarms on the bill'),
  'AWS::CodeBuild::Project': kind('CodeBuild project', 'CodeBuild projects', PRICES.build),
  'AWS::EC2::EIP': kind('public address', 'public addresses', PRICES.publicAddress),
  'AWS::EC2::InternetGateway': undefined,
  'AWS::EC2::NatGateway': kind('NAT gateway', 'NAT gateways', PRICES.natGateway, PRICES.natTraffic),
  'AWS::EC2::Route': undefined,
  'AWS::EC2::RouteTable': undefined,
  'AWS::EC2::Subnet': kind('subnet', 'subnets'),
  'AWS::EC2::SubnetRouteTableAssociation': undefined,
  'AWS::EC2::VPC': kind('VPC', 'VPCs'),
  'AWS::EC2::VPCEndpoint': kind('gateway endpoint for S3', 'gateway endpoints'),
  'AWS::EC2::VPCGatewayAttachment': undefined,
  'AWS::ECR::Repository': kind('ECR repository', 'ECR repositories', PRICES.images),
  'AWS::EKS::AccessEntry': kind('admin of the cluster', 'admins of the cluster'),
  'AWS::EKS::Cluster': kind('EKS cluster', 'EKS clusters', PRICES.controlPlane),
  'AWS::EKS::PodIdentityAssociation': undefined,
  'AWS::IAM::Policy': undefined,
  'AWS::IAM::Role': kind('IAM role', 'IAM roles'),
  'AWS::Logs::LogGroup': kind('log group', 'log groups', PRICES.logs),
  'AWS::S3::Bucket': kind('S3 bucket', 'S3 buckets', PRICES.objects),
  'AWS::S3::BucketPolicy': undefined,
};

/** Things of one kind. */
export interface Thing {
  /** `4 ECR repositories`. */
  what: string;
  count: number;
  /** For one of them. Empty: it is free. */
  prices: readonly Price[];
  /** What it costs where that is no list price. */
  cost?: string;
}

export interface CloudStack {
  /** As CloudFormation has it. */
  name: string;
  /** It stays when the rest goes. */
  kept: boolean;
  things: Thing[];
}

/** What can be chosen. */
export interface CloudChoice {
  /** `SB_STACK`. */
  stack: string;
  /** Whether a network is made; your own VPC otherwise. */
  network: boolean;
  zones: 2 | 3;
  /** The cluster is the user's, and so are its nodes: only roles are made for it. */
  guest?: boolean;
  /** How many GPUs nodes may have together; undefined: none. */
  gpus?: number | undefined;
}

/** Nodes are in no stack: EKS makes them as Pods ask for them. The operator always does. */
const NODES: Thing = {
  what: 'nodes: one for the operator, others while there are Trials',
  count: 0,
  prices: [],
  cost: `price of the instances, and about ${AUTO_MODE_SHARE * 100} % for Auto Mode`,
};

/** The smallest with a T4, an L4 and an A10G, of which the pool takes what is to be had. */
const WITH_GPU = ['g4dn.xlarge', 'g6.xlarge', 'g5.xlarge'];

function gpuNodes(gpus: number): Thing {
  const prices = WITH_GPU.flatMap((type) => instancePrice(type) ?? []);
  const [least, most] = [Math.min, Math.max].map((of) => dollars(of(...prices.map(({ usd }) => usd))));
  return {
    what: `nodes with GPUs: while there are Trials that ask for some, ${gpus} GPUs at most`,
    count: 0,
    prices,
    cost: `about ${least} to ${most} per hour for one with one GPU, and about ${AUTO_MODE_SHARE * 100} % for Auto Mode`,
  };
}

const nodesOf = (gpus: number | undefined): Thing[] => [
  NODES,
  ...(gpus === undefined ? [] : [gpuNodes(gpus)]),
];

/** The stacks in the order in which they are made. */
export function cloudStacks({ stack, network, zones, gpus, guest = false }: CloudChoice): CloudStack[] {
  const isMade = ({ Condition }: Resource): boolean => Condition !== 'HasZoneC' || zones === 3;
  return Object.entries(STACKS)
    .filter(([part]) => network || part !== 'network')
    .map(([part, template]) => {
      const isCluster = part === 'cluster';
      const { Resources } = isCluster && guest ? TEMPLATES['cluster-roles'] : template;
      return {
        name: `${stack}-${part}`,
        kept: part === 'artifacts',
        things: [
          ...thingsOf(Object.values<Resource>(Resources).filter(isMade)),
          ...(isCluster && !guest ? nodesOf(gpus) : []),
        ],
      };
    });
}

const thingsOf = (resources: readonly Resource[]): Thing[] =>
  [...Map.groupBy(resources, ({ Type }) => KINDS[Type])].flatMap(([alike, { length: count }]) =>
    alike
      ? [{ what: count === 1 ? alike.one : `${count} ${alike.many}`, count, prices: alike.prices ?? [] }]
      : [],
  );

/** US dollars an hour that all of them cost, whether or not anything runs; without nodes. */
export const hourly = (stacks: readonly CloudStack[]): number =>
  stacks
    .flatMap(({ things }) => things)
    .flatMap(({ count, prices }) => prices.filter(({ per }) => per === 'hour').map(({ usd }) => usd * count))
    .reduce((sum, usd) => sum + usd, 0);

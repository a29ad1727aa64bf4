/** What an installation has at AWS is called, once: stacks, `sb cloud` and doctor read these. */
import { STACK_TAG } from '../../providers/aws/partition.ts';

/** What the names are made of. */
export interface AwsPlace {
  /** The installation's name, `SB_STACK`. */
  stack: string;
  account: string;
  region: string;
}

/** In CloudFormation's own variables: for `Fn::Sub`. */
const TEMPLATE: AwsPlace = { stack: '${Stack}', account: '${AWS::AccountId}', region: '${AWS::Region}' };

export const awsNames = ({ stack, account, region }: AwsPlace = TEMPLATE) => ({
  // Names of buckets are the whole world's: account and region make it one that nobody else has by chance.
  bucket: `${stack}-artifacts-${account}-${region}`,
  images: `${stack}-sandboxes`,
  cache: `${stack}-sandboxes-cache`,
  operator: `${stack}-operator`,
  /** What copies of images that builds begin with have in common: builds may pull all of them. */
  tools: `${stack}-tools`,
  buildKit: `${stack}-tools/buildkit`,
  frontends: `${stack}-tools/dockerfile`,
  fluentBit: `${stack}-tools/fluent-bit`,
  /** Keys in the bucket of what the operator's image is built of. */
  contexts: 'install',
  project: `${stack}-build`,
  buildLogs: `/aws/codebuild/${stack}-build`,
  cluster: stack,
  clusterLogs: `/aws/eks/${stack}/cluster`,
});

/** The longest name of an installation: its bucket's has to fit into the 63 characters that S3 takes, in every region. */
export const LONGEST_STACK = 63 - '-artifacts-123456789012-ap-northeast-1'.length;

/** What the name of an installation may be: names of repositories and buckets begin with it. */
export const STACK_PATTERN = '[a-z][a-z0-9-]*[a-z0-9]';

/** Fluent Bit: the ServiceAccount that its role is for. The namespace is ours alone: in `logging`, a cluster of the user's may have a `fluent-bit` of its own. */
export const LOG_SHIPPER = { name: 'fluent-bit', namespace: 'sb-logging' } as const;

/** On everything that can have tags: whose it is, and by which stack it came. */
export const TAGS = { stack: STACK_TAG, part: 'sb:part' } as const;

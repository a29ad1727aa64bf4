/** AWS's partitions: separate clouds, each with its own ARNs, accounts and console. Source: the SDK's table of partitions; for consoles, the AWS General Reference of each. */

export interface Partition {
  /** As ARNs begin: `arn:<name>:`. */
  name: string;
  /** Host of the console, without the region before it. */
  console: string;
  /** How hosts of its services end. */
  services: string;
  /** Whether ECR Public has logins for its accounts. */
  publicRegistry: boolean;
}

const COMMERCIAL: Partition = {
  name: 'aws',
  console: 'console.aws.amazon.com',
  services: 'amazonaws.com',
  publicRegistry: true,
};

/** By how their regions begin. */
const OTHERS: Readonly<Record<string, Partition>> = {
  'cn-': {
    name: 'aws-cn',
    console: 'console.amazonaws.cn',
    services: 'amazonaws.com.cn',
    publicRegistry: false,
  },
  'us-gov-': {
    name: 'aws-us-gov',
    console: 'console.amazonaws-us-gov.com',
    services: 'amazonaws.com',
    publicRegistry: false,
  },
  'eusc-': {
    name: 'aws-eusc',
    console: 'console.amazonaws-eusc.eu',
    services: 'amazonaws.eu',
    publicRegistry: false,
  },
};

export const partitionOf = (region: string): Partition =>
  Object.entries(OTHERS).find(([prefix]) => region.startsWith(prefix))?.[1] ?? COMMERCIAL;

/** Tag of all that belongs to an installation; its value is the installation’s name. */
export const STACK_TAG = 'sb:stack';

/** `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`. */
export const REGION = /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/;

/** Address of a page of the console in a region; `path` without a slash at its beginning. */
export const consoleUrl = (region: string, path: string): string =>
  `https://${region}.${partitionOf(region).console}/${path}`;

/** Name of a resource; `rest` is what follows the partition: `s3:::bucket/key`. */
export const arnIn = (region: string, rest: string): string => `arn:${partitionOf(region).name}:${rest}`;
